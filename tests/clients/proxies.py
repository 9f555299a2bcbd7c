"""What stands in front: nginx and haproxy, each with connections to the server that it keeps.

They hold back nothing of a body, so that the server meets clients at their own pace. Each of their
ports has a pool of connections of its own: a client of one port decides how long they idle.
"""

import os

from servers import Server

PROGRAMS = {"nginx": "/usr/sbin/nginx", "haproxy": "/usr/sbin/haproxy"}
# How long they keep a connection to a server that they do not use, by default, in seconds: nginx's
# `keepalive_timeout` of an upstream, and haproxy's `pool-purge-delay`, after which it closes half of
# those that were not needed meanwhile.
IDLE = {"nginx": 60, "haproxy": 5}


def front(name, work, backends, idle):
    """One of them. `backends` has the server behind each of its ports on 127.0.0.1."""
    return {"nginx": nginx, "haproxy": haproxy}[name](work, backends, idle)


def nginx(work, backends, idle):
    pools = "\n".join(f"""
        upstream pool{port} {{
            server {backend}; keepalive 8; keepalive_timeout {idle * 1000:.0f}ms;
        }}
        server {{
            listen 127.0.0.1:{port};
            location / {{
                proxy_pass http://pool{port};
                proxy_http_version 1.1;
                proxy_set_header Host $http_host;
                proxy_set_header Upgrade $http_upgrade;
                proxy_set_header Connection $upstream_connection;
            }}
        }}""" for port, backend in backends.items())
    config = os.path.join(work, "nginx.conf")
    write(config, f"""
    daemon off; master_process off; pid {work}/nginx.pid; error_log stderr notice;
    events {{ worker_connections 512; }}
    http {{
        map $http_upgrade $upstream_connection {{ default upgrade; "" ""; }}
        access_log off; client_max_body_size 0;
        proxy_buffering off; proxy_request_buffering off;
        client_body_temp_path {work}; proxy_temp_path {work}; fastcgi_temp_path {work};
        uwsgi_temp_path {work}; scgi_temp_path {work};
        {pools}
    }}""")
    return Server("nginx", [PROGRAMS["nginx"], "-p", work, "-e", "stderr", "-c", config], work,
                  ready="")


def haproxy(work, backends, idle):
    pools = "\n".join(f"""
    listen pool{port}
        bind 127.0.0.1:{port}
        server httprs {backend} pool-purge-delay {idle * 1000:.0f}ms
    """ for port, backend in backends.items())
    config = os.path.join(work, "haproxy.cfg")
    write(config, f"""
    global
        log stderr format raw local0 notice
    defaults
        mode http
        log global
        http-reuse always
        timeout connect 10s
        timeout client 60s
        timeout server 60s
    {pools}
""")
    return Server("haproxy", [PROGRAMS["haproxy"], "-db", "-f", config], work, ready="")


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
