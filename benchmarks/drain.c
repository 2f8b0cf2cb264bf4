/* Opens N streams to a server and throws away what comes, asking anew when one ends: ./drain PORT STREAMS SECONDS */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char request[] =
    "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"stream\":true}";

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    if (argc < 4) return fprintf(stderr, "usage: %s PORT STREAMS SECONDS\n", argv[0]), 2;
    int streams = atoi(argv[2]), epoll_fd = epoll_create1(0), yes = 1;
    double end_s = now() + atof(argv[3]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    for (int i = 0; i < streams; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, (struct sockaddr *)&address, sizeof address)) return perror("connect"), 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
        epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e);
        if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0) return perror("send"), 1;
    }
    static char buffer[1 << 18];
    struct epoll_event found[512];
    while (now() < end_s) {
        int n = epoll_wait(epoll_fd, found, 512, 100);
        for (int i = 0; i < n; i++) {
            int fd = found[i].data.fd;
            ssize_t got = recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
            if (got == 0) return fprintf(stderr, "the server closed a stream\n"), 1;
            if (got >= 5 && !memcmp(buffer + got - 5, "0\r\n\r\n", 5) && send(fd, request, sizeof request - 1, MSG_NOSIGNAL) < 0)
                return perror("send"), 1;
        }
    }
    return 0;
}
