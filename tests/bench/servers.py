"""How each server is configured.

Each is set up as a careful operator would for files: as many worker processes as asked for,
connections that are kept without a limit of requests, sendfile and its own caches of files on,
access log off. Configurations are written to a directory that goes when the benchmark ends.
"""

import os
import shutil


class Failed(Exception):
    """A server that does not do what it should; the text is for the table."""


class Job:
    """What a server is started for."""

    def __init__(self, site, path, workers=1, connections=64, log=None, answer=None,
                 admin=False):
        self.site = site  # the directory of files
        self.path = path  # what is asked for
        self.workers = workers
        self.connections = connections
        self.log = log  # file of the access log, or None
        self.answer = answer  # the bytes of httprs' answer, for the floor
        self.admin = admin  # whether httprs is to tell what each worker did


def nginx(binary, job, port, work):
    log = "access_log off;"
    if job.log:
        log = f"access_log {job.log} common buffer=64k flush=1s;"
    user = "user nobody nogroup;" if os.geteuid() == 0 else ""
    paths = " ".join(f"{what}_temp_path {work}/temp;"
                     for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    # More connections than come: it closes idle ones when there is little room for others.
    config = write(work, "nginx.conf", f"""
{user} worker_processes {job.workers}; daemon off; pid {work}/nginx.pid; error_log /dev/null;
events {{ worker_connections {job.connections * 2 + 64}; accept_mutex off; }}
http {{
  default_type application/octet-stream; types {{ text/plain txt; }}
  log_format common '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent';
  {log}
  sendfile on; tcp_nopush on; tcp_nodelay on;
  keepalive_timeout 600s; keepalive_requests 1000000000;
  open_file_cache max=256 inactive=600s; open_file_cache_valid 60s; {paths}
  server {{ listen 127.0.0.1:{port} backlog=4096; root {job.site}; }}
}}
""")
    # -e: what it complains about before it has read its configuration.
    return [binary, "-e", "/dev/null", "-p", work, "-c", config]


def h2o(binary, job, port, work):
    log = ""
    if job.log:
        log = f"access-log: {{path: {job.log}, format: '%h %l %u %t \"%r\" %s %b'}}"
    user = "user: nobody" if os.geteuid() == 0 else ""
    config = write(work, "h2o.yaml", f"""
{user}
num-threads: {job.workers}
max-connections: {job.connections * job.workers + 64}
http1-request-timeout: 600
error-log: /dev/null
{log}
listen: {{host: 127.0.0.1, port: {port}}}
hosts:
  default:
    paths:
      /: {{file.dir: {job.site}}}
""")
    return [binary, "-m", "worker", "-c", config]


def lighttpd(binary, job, port, work):
    log = ""
    if job.log:
        log = f"""
server.modules += ("mod_accesslog")
accesslog.filename = "{job.log}"
accesslog.format = "%h %l %u %t \\"%r\\" %>s %b"
"""
    # Without max-worker it serves in the process that was started.
    workers = f"server.max-worker = {job.workers}" if job.workers > 1 else ""
    config = write(work, "lighttpd.conf", f"""
server.modules = ()
server.bind = "127.0.0.1"
server.port = {port}
server.document-root = "{job.site}"
server.network-backend = "sendfile"
server.stat-cache-engine = "simple"
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 600
server.max-read-idle = 600
server.max-connections = {job.connections + 64}
server.max-fds = {job.connections * 2 + 256}
server.listen-backlog = 4096
server.errorlog = "/dev/null"
mimetype.assign = (".txt" => "text/plain", "" => "application/octet-stream")
{workers}
{log}
""")
    return [binary, "-D", "-f", config]


def apache2(binary, job, port, work):
    # One process for each connection: that is what prefork is there. More would wait in vain.
    processes = job.connections + 8 if job.workers == 1 else job.workers
    modules = os.environ.get("APACHE_MODULES", "/usr/lib/apache2/modules")
    # What is built in differs between distributions.
    load = "\n".join(f"<IfModule !{name}_module>\n"
                     f"LoadModule {name}_module {modules}/mod_{name}.so\n</IfModule>"
                     for name in ("mpm_prefork", "unixd", "authz_core", "mime", "log_config"))
    log = ""
    if job.log:
        log = f'LogFormat "%h %l %u %t \\"%r\\" %>s %b" common\nCustomLog {job.log} common'
    user = "User nobody\nGroup nogroup" if os.geteuid() == 0 else ""
    types = write(work, "mime.types", "text/plain txt\n")
    config = write(work, "apache2.conf", f"""
{load}
{user}
ServerRoot {work}
ServerName localhost
Listen 127.0.0.1:{port}
ListenBacklog 4096
PidFile {work}/apache2.pid
ErrorLog /dev/null
DefaultRuntimeDir {work}
TypesConfig {types}
DocumentRoot {job.site}
<Directory {job.site}>
  Require all granted
  AllowOverride None
  Options FollowSymLinks
</Directory>
EnableSendfile On
EnableMMAP On
KeepAlive On
KeepAliveTimeout 600
MaxKeepAliveRequests 0
Timeout 600
StartServers {processes}
MinSpareServers 1
MaxSpareServers {processes + 1}
ServerLimit {processes}
MaxRequestWorkers {processes}
MaxConnectionsPerChild 0
BufferedLogs On
{log}
""")
    return [binary, "-DFOREGROUND", "-f", config]


def httprs(binary, job, port, work):
    log = ["--log", "common", "--log-file", job.log] if job.log else ["--log", "none"]
    admin = ["--admin", f"unix:{work}/admin"] if job.admin else []
    return [binary, "--host", "127.0.0.1", "--port", str(port), "--worker", str(job.workers),
            "--max-connections", str(job.connections + 64), "--keepalive-ms", "600000",
            "--backlog", "4096", "--log-level", "error", *log, *admin, job.site]


def hello(binary, _job, port, _work):
    return [binary, str(port)]


def floor(binary, job, port, work):
    answer = os.path.join(work, "answer")
    with open(answer, "wb") as file:
        file.write(job.answer)
    return [binary, str(port), answer]


def floor_sendfile(binary, job, port, work):
    head = job.answer[:job.answer.index(b"\r\n\r\n") + 4]
    with open(os.path.join(work, "head"), "wb") as file:
        file.write(head)
    return [binary, str(port), os.path.join(work, "head"), job.site + job.path]


# What can be installed: name, its program, its Debian package, its version flag, its configuration.
PEERS = [
    ("nginx", "nginx", "nginx-light", "-v", nginx),
    ("h2o", "h2o", "h2o", "-v", h2o),
    ("lighttpd", "lighttpd", "lighttpd", "-v", lighttpd),
    ("apache2", "apache2", "apache2-bin", "-v", apache2),
]


def find(program):
    """Where a program is; servers are often in a directory that is only on root's path."""
    return shutil.which(program) or shutil.which(program, path="/usr/local/sbin:/usr/sbin:/sbin")


class Server:
    """A kind of server: its name in the tables, its program, what configures it."""

    def __init__(self, name, binary, command, own_answer=False, workers=1):
        self.name = name
        self.binary = binary
        self.command = command
        self.own_answer = own_answer  # answers with something else than the file
        self.workers = workers  # in the rounds


def write(work, name, text):
    path = os.path.join(work, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path
