# The server, your site (a directory `site` next to this file) and nothing else: no shell, no
# libc, no writable file.
#
#   make static
#   docker build -t site .
#   docker run --read-only --user 65534 -p 8080:8080 site
FROM scratch
COPY target/static/httprs /httprs
COPY site /site
USER 65534:65534
EXPOSE 8080
ENTRYPOINT ["/httprs"]
CMD ["/site"]
