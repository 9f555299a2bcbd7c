#!/usr/bin/env bash
# How much processor time the server spends on a request, next to nginx, in one run.
#
# Rounds alternate between the servers, since a shared machine's speed drifts; processor time
# (user and system, the whole process tree) is steadier than requests per second. One worker each,
# no access log, everything on loopback. Installs nothing; says what is missing.
#
#   ROUNDS=5 SECONDS_EACH=3 tests/bench/run.sh
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-3}

command -v wrk >/dev/null || { echo "bench: wrk is missing (Debian's package wrk)" >&2; exit 1; }
nginx=$(command -v nginx || ls /usr/sbin/nginx 2>/dev/null || true)
[ -n "$nginx" ] || echo "bench: nginx is missing (Debian's package nginx-light): no peer to compare with" >&2

dir=$(mktemp -d) pids=()
cleanup() { kill "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$dir"; }
trap cleanup EXIT

mkdir "$dir/site"
printf 'hello, world\n' > "$dir/site/13B.txt"
head -c 1024 /dev/zero > "$dir/site/1KiB.bin"
head -c 102400 /dev/zero > "$dir/site/100KiB.bin"
chmod -R a+rX "$dir"

cargo build --release --quiet --bin httprs
"${CARGO_TARGET_DIR:-target}/release/httprs" --host 127.0.0.1 --port 18081 --worker 1 --log none \
  --log-level error "$dir/site" & pids+=($!); httprs_pid=$!
servers=(httprs)
if [ -n "$nginx" ]; then
  cat > "$dir/nginx.conf" <<CONF
worker_processes 1; daemon off; pid $dir/nginx.pid; error_log /dev/null;
events { worker_connections 2048; }
http {
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  open_file_cache max=256; default_type application/octet-stream;
  client_body_temp_path $dir/t; proxy_temp_path $dir/t; fastcgi_temp_path $dir/t;
  uwsgi_temp_path $dir/t; scgi_temp_path $dir/t;
  server { listen 127.0.0.1:18082; root $dir/site; }
}
CONF
  "$nginx" -c "$dir/nginx.conf" -p "$dir" 2>/dev/null & pids+=($!); nginx_pid=$!
  servers+=(nginx)
fi
sleep 1

# Ticks of a process and its children that live.
ticks() {
  local sum=0 pid
  for pid in "$1" $(cat /proc/"$1"/task/*/children); do
    set -- $(sed 's/.*) //' "/proc/$pid/stat")
    sum=$((sum + ${12} + ${13}))
  done
  echo $sum
}

measure() { # server file connections -> microseconds of processor time for each request, requests/s
  local pid=$httprs_pid port=18081 before after requests
  [ "$1" = nginx ] && { pid=$nginx_pid; port=18082; }
  before=$(ticks "$pid")
  wrk -t1 -c"$3" -d"${seconds}s" "http://127.0.0.1:$port/$2" > "$dir/wrk"
  after=$(ticks "$pid")
  if grep -qE 'Socket errors|Non-2xx' "$dir/wrk"; then grep -E 'Socket errors|Non-2xx' "$dir/wrk" >&2; fi
  requests=$(awk '/requests in/ {print $1}' "$dir/wrk")
  awk -v t=$((after - before)) -v hz="$(getconf CLK_TCK)" -v n="$requests" -v s="$seconds" \
    'BEGIN { printf "%.2f %.0f\n", t / hz * 1e6 / n, n / s }'
}

declare -A cpu
median() { sort -n | awk '{a[NR]=$1} END {print a[int((NR+1)/2)]}'; }

printf '%-12s %5s  %-8s %10s %12s\n' file conns server 'CPU us/req' 'requests/s'
for case in 13B.txt:64 13B.txt:1000 1KiB.bin:64 100KiB.bin:64; do
  file=${case%:*} connections=${case#*:}
  for round in $(seq "$rounds"); do
    for server in "${servers[@]}"; do measure "$server" "$file" "$connections" >> "$dir/$case.$server"; done
    printf '\r%s: round %s of %s' "$case" "$round" "$rounds" >&2
  done
  printf '\r%40s\r' '' >&2
  for server in "${servers[@]}"; do
    cpu[$server]=$(cut -d' ' -f1 "$dir/$case.$server" | median)
    printf '%-12s %5s  %-8s %10s %12s\n' "$file" "$connections" "$server" "${cpu[$server]}" \
      "$(cut -d' ' -f2 "$dir/$case.$server" | median)"
  done
  if [ -n "$nginx" ]; then
    awk -v a="${cpu[httprs]}" -v b="${cpu[nginx]}" 'BEGIN { printf "%-12s %5s  %-8s %9.2fx\n", "", "", "ratio", a / b }'
  fi
done
