/* The floor: the least that any server can do for a request. `make bench` compares with it.
 *
 * One epoll loop; for each request one recv, a search for its blank line, one send of bytes that
 * were made beforehand. No parsing, no files, no timeouts, no limits: not a server, but what the
 * kernel costs. What a server spends above it is its own.
 *
 *     floor PORT ANSWER         the answer is copied from memory
 *     floor PORT ANSWER FILE    ANSWER is the head, and sendfile sends FILE behind it
 *
 * An answer that says `Connection: close` ends its connection.
 *
 * In C because it is nothing but system calls, for which Rust has `unsafe`, and that belongs into
 * src/sys; tests/tidy.rs knows this file, and allows no other. A request that is cut in two is lost; wrk sends each in one piece. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONNECTIONS = 65536, EVENTS = 512, COPIES = 64, SMALL = 16 * 1024 };

/* What a connection still gets, by its descriptor. */
static struct {
    unsigned owed; /* answers */
    size_t done;   /* bytes of the first of them */
} connections[CONNECTIONS];

static char *answer; /* several times in a row if it is small: one send answers a pipeline */
static size_t copies, answer_size, total;
static int file = -1, closes;

static void fail(const char *what) {
    fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void load(const char *path) {
    struct stat info;
    int from = open(path, O_RDONLY);
    if (from < 0 || fstat(from, &info) < 0) fail(path);
    answer_size = (size_t)info.st_size;
    copies = answer_size > SMALL || file >= 0 ? 1 : COPIES;
    answer = malloc(answer_size * copies);
    if (!answer || read(from, answer, answer_size) != info.st_size) fail(path);
    for (size_t i = 1; i < copies; i++) memcpy(answer + i * answer_size, answer, answer_size);
    closes = memmem(answer, answer_size, "\r\nConnection: close\r\n", 21) != NULL;
    close(from);
}

/* Sends what the connection is owed, as far as it goes; 0 when the connection is done for. */
static int pay(int fd) {
    while (connections[fd].owed) {
        size_t done = connections[fd].done;
        ssize_t sent;
        if (done >= answer_size && file >= 0) {
            off_t at = (off_t)(done - answer_size);
            sent = sendfile(fd, file, &at, total - done);
        } else {
            size_t due = connections[fd].owed < copies ? connections[fd].owed : copies;
            /* What follows goes into the same packet: the file, or the end of the connection. */
            int more = file >= 0 || closes ? MSG_MORE : 0;
            sent = send(fd, answer + done, due * answer_size - done, MSG_NOSIGNAL | more);
        }
        if (sent < 0) return errno == EAGAIN;
        connections[fd].done += (size_t)sent;
        while (connections[fd].done >= total) {
            connections[fd].done -= total;
            connections[fd].owed--;
            if (closes) return 0;
        }
    }
    return 1;
}

static int serve(int fd, unsigned events) {
    static char request[64 * 1024];
    if (events & EPOLLIN) {
        ssize_t got = recv(fd, request, sizeof request, 0);
        if (got == 0 || (got < 0 && errno != EAGAIN)) return 0;
        for (char *at = request, *end = request + got; got > 0; connections[fd].owed++, at += 4)
            if (!(at = memmem(at, (size_t)(end - at), "\r\n\r\n", 4))) break;
    }
    return pay(fd) && !(events & (EPOLLRDHUP | EPOLLERR | EPOLLHUP));
}

int main(int argc, char **argv) {
    if (argc < 3) {
        fprintf(stderr, "usage: floor PORT ANSWER [FILE]\n");
        return 64;
    }
    struct stat info = {0};
    if (argc > 3) {
        file = open(argv[3], O_RDONLY);
        if (file < 0 || fstat(file, &info) < 0) fail(argv[3]);
    }
    load(argv[2]);
    /* sendfile has no MSG_NOSIGNAL, and clients leave in the middle. */
    signal(SIGPIPE, SIG_IGN);
    total = answer_size + (size_t)info.st_size;

    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((unsigned short)atoi(argv[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Those that it accepts inherit it. */
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    if (listen(listener, 4096) < 0) fail("listen");

    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[EVENTS];
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0) fail("epoll_ctl");
    for (;;) {
        int ready = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                if (!serve(fd, events[i].events)) close(fd);
                continue;
            }
            while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
                if (fd >= CONNECTIONS) fail("too many connections");
                connections[fd].owed = 0;
                connections[fd].done = 0;
                /* Often the request is there already. */
                if (!serve(fd, EPOLLIN)) {
                    close(fd);
                    continue;
                }
                /* Edges: the kernel need not look at a connection again after its event. */
                event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
                event.data.fd = fd;
                if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
            }
        }
    }
}
