/* A streaming server of known truth: what it wrote when is its report. One thread, epoll, no dependency.
 *
 *   gcc -O2 -o truth_server truth_server.c -lm
 *   ./truth_server PORT LOG PROTOCOL TOKENS FIRST_MS SIGMA GAP_MS [SEED [ADDRESS]]
 *
 * PROTOCOL: openai, anthropic or google. Each request is answered with TOKENS events. The first is due FIRST_MS
 * (median; log-normal with SIGMA) after the request was read, each next GAP_MS later, all on absolute times, so
 * lateness does not add up. An openai request without "stream": true gets one body when its last token is due. GAP_MS 0: everything as fast as the client takes it, one write per token.
 *
 * LOG gets one line for each reply: id, arrived_s, and when each token was written, in seconds on CLOCK_MONOTONIC,
 * which is Python's time.perf_counter on Linux. The id is the number behind "gapbench-id:" in the request, so
 * that a client's figures can be held against these one by one; -1 where there is none.
 * arrived_s is the kernel's receive stamp of the request (socket(7), SO_TIMESTAMPNS), so that this server's own
 * lateness in reading is not taken for the client's in measuring; due times count from the read.
 * A line `late N of M` on SIGTERM says how many writes came more than a millisecond after they were due.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { MAX_FD = 65536, MAX_TOKENS = 4096, MAX_REQUEST = 1 << 20 };

typedef struct {
    char *in;
    size_t used, room;
    int open, busy, next, blocked, whole;
    size_t offset; /* bytes of the current token that are already written */
    long id;
    double arrived_s, read_s, first_s, due_s;
    double *write_s;
    int heap_at;
} Conn;

static Conn conns[MAX_FD];
static int heap[MAX_FD], heap_n;
static char *pieces[MAX_TOKENS + 2];
static size_t piece_n[MAX_TOKENS + 2];
static int tokens, is_openai;
static double first_s, sigma, gap_s;
static FILE *out;
static long late_n, written_n;
static volatile sig_atomic_t stopping;
static uint64_t state;
static int epoll_fd;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Receive, and say when the last of it arrived. */
static ssize_t receive(int fd, char *into, size_t room, double *arrived_s) {
    char control[128];
    struct iovec part = {into, room};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(fd, &message, 0);
    *arrived_s = now();
    for (struct cmsghdr *note = CMSG_FIRSTHDR(&message); got > 0 && note; note = CMSG_NXTHDR(&message, note))
        if (note->cmsg_level == SOL_SOCKET && note->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec stamp, real;
            memcpy(&stamp, CMSG_DATA(note), sizeof stamp);
            clock_gettime(CLOCK_REALTIME, &real);
            double ago_s = real.tv_sec - stamp.tv_sec + (real.tv_nsec - stamp.tv_nsec) * 1e-9;
            if (ago_s > 0 && ago_s < 10) *arrived_s -= ago_s;
        }
    return got;
}

static double uniform(void) { /* xorshift64* */
    state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
    return ((state * 2685821657736338717ULL) >> 11) * (1.0 / 9007199254740992.0);
}

static double normal(void) {
    double u = uniform(), v = uniform();
    return sqrt(-2 * log(u + 1e-300)) * cos(6.283185307179586 * v);
}

static void swap(int a, int b) {
    int t = heap[a];
    heap[a] = heap[b], heap[b] = t;
    conns[heap[a]].heap_at = a, conns[heap[b]].heap_at = b;
}

static void sift(int i) {
    while (i && conns[heap[i]].due_s < conns[heap[(i - 1) / 2]].due_s) swap(i, (i - 1) / 2), i = (i - 1) / 2;
    for (;;) {
        int l = 2 * i + 1, least = i;
        if (l < heap_n && conns[heap[l]].due_s < conns[heap[least]].due_s) least = l;
        if (l + 1 < heap_n && conns[heap[l + 1]].due_s < conns[heap[least]].due_s) least = l + 1;
        if (least == i) return;
        swap(i, least), i = least;
    }
}

static void push(int fd) {
    heap[heap_n] = fd, conns[fd].heap_at = heap_n;
    sift(heap_n++);
}

static void drop(int fd) {
    int at = conns[fd].heap_at;
    if (at < 0) return;
    swap(at, --heap_n);
    conns[fd].heap_at = -1;
    if (at < heap_n) sift(at);
}

static void shut(int fd) {
    drop(fd);
    close(fd);
    conns[fd].open = conns[fd].busy = 0, conns[fd].used = 0;
}

static char *frame(const char *event, size_t *n, const char *before, const char *after) {
    char *made;
    int length = asprintf(&made, "%s%zx\r\n%s\r\n%s", before, strlen(event), event, after);
    *n = length;
    return made;
}

/* Event i of the reply; the last carries counts and end mark. */
static void lay_out(const char *protocol) {
    const char *head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
                       "cache-control: no-store\r\ntransfer-encoding: chunked\r\n\r\n";
    for (int i = 0; i < tokens; i++) {
        char event[4096];
        int first = i == 0, last = i == tokens - 1, n = 0;
        if (!strcmp(protocol, "openai")) {
            const char *start = "data: {\"id\":\"chatcmpl-truth\",\"object\":\"chat.completion.chunk\",\"created\":1760000000,\"model\":\"truth\",\"choices\":[";
            n = snprintf(event, sizeof event, "%s{\"index\":0,\"delta\":{%s\"content\":\" word\"},\"logprobs\":null,\"finish_reason\":%s}],\"usage\":null}\n\n",
                         start, first ? "\"role\":\"assistant\"," : "", last ? "\"stop\"" : "null");
            if (last)
                snprintf(event + n, sizeof event - n, "%s],\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":%d,\"total_tokens\":%d}}\n\ndata: [DONE]\n\n", start, tokens, tokens + 8);
        } else if (!strcmp(protocol, "anthropic")) {
            if (first)
                n = snprintf(event, sizeof event, "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_truth\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"truth\",\"content\":[],\"stop_reason\":null,\"usage\":{\"input_tokens\":8,\"output_tokens\":1}}}\n\n"
                                                  "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n");
            n += snprintf(event + n, sizeof event - n, "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\" word\"}}\n\n");
            if (last)
                snprintf(event + n, sizeof event - n, "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
                                                      "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":%d}}\n\n"
                                                      "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n", tokens);
        } else {
            snprintf(event, sizeof event, "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\" word\"}],\"role\":\"model\"},%s\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":8,\"candidatesTokenCount\":%d,\"totalTokenCount\":%d},\"modelVersion\":\"truth\",\"responseId\":\"truth\"}\n\n",
                     last ? "\"finishReason\":\"STOP\"," : "", i + 1, i + 9);
        }
        pieces[i] = frame(event, &piece_n[i], first ? head : "", last ? "0\r\n\r\n" : "");
    }
}

/* The reply to a request that asks for no stream, made for piece number `tokens`. */
static void lay_out_whole(void) {
    char body[65536 + 512], text[65536] = "";
    for (int i = 0; i < tokens && strlen(text) < 65000; i++) strcat(text, " word");
    int n = snprintf(body, sizeof body,
                     "{\"id\":\"chatcmpl-truth\",\"object\":\"chat.completion\",\"created\":1760000000,\"model\":\"truth\",\"choices\":[{\"index\":0,"
                     "\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"logprobs\":null,\"finish_reason\":\"stop\"}],"
                     "\"usage\":{\"prompt_tokens\":8,\"completion_tokens\":%d,\"total_tokens\":%d}}",
                     text, tokens, tokens + 8);
    piece_n[tokens] = asprintf(&pieces[tokens], "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", n, body);
}

static void done(int fd) {
    Conn *c = &conns[fd];
    if (out) {
        fprintf(out, "%ld %.9f", c->id, c->arrived_s);
        for (int i = 0; i < tokens; i++) fprintf(out, " %.9f", c->write_s[i]);
        fputc('\n', out);
    }
    c->busy = 0;
}

static void take(int fd);

static void advance(int fd) { /* write all that is due */
    Conn *c = &conns[fd];
    while (c->next < tokens) {
        int piece = c->whole ? tokens : c->next;
        double at_s = now();
        if (gap_s > 0 && c->due_s > at_s) break;
        if (!c->offset) {
            for (int i = c->whole ? 0 : c->next; i <= c->next; i++) c->write_s[i] = at_s;
            written_n++;
            if (gap_s > 0 && at_s - c->due_s > 1e-3) late_n++;
        }
        ssize_t n = send(fd, pieces[piece] + c->offset, piece_n[piece] - c->offset, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN) { shut(fd); return; }
        if (n > 0) c->offset += n;
        if (c->offset < piece_n[piece]) {
            drop(fd);
            c->blocked = 1;
            struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.fd = fd};
            epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &e);
            return;
        }
        c->offset = 0, c->next++;
        c->due_s = gap_s > 0 ? c->first_s + c->next * gap_s : at_s; /* without a gap: to the back of the row */
        if (gap_s == 0) break; /* one token each, in turn */
    }
    if (c->next == tokens) {
        drop(fd);
        done(fd);
        take(fd);
    } else if (c->heap_at < 0)
        push(fd);
    else
        sift(c->heap_at);
}

static void take(int fd) { /* answer the request at the front of the buffer, if it is whole */
    Conn *c = &conns[fd];
    if (c->busy) return;
    c->in[c->used] = 0;
    char *end = strstr(c->in, "\r\n\r\n");
    if (!end) return;
    char *length = strcasestr(c->in, "content-length:");
    size_t body = length && length < end ? strtoul(length + 15, 0, 10) : 0;
    size_t whole = end + 4 - c->in + body;
    if (c->used < whole) return;
    if (strncmp(c->in, "POST", 4)) { /* health checks, model lists */
        const char *ok = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 54\r\n\r\n"
                         "{\"object\":\"list\",\"data\":[{\"id\":\"truth\",\"object\":\"m\"}]}";
        if (send(fd, ok, strlen(ok), MSG_NOSIGNAL) < 0) { shut(fd); return; }
        memmove(c->in, c->in + whole, c->used - whole), c->used -= whole;
        take(fd);
        return;
    }
    char saved = c->in[whole];
    c->in[whole] = 0;
    c->whole = is_openai && !strstr(end, "\"stream\":true") && !strstr(end, "\"stream\": true");
    char *mark = strstr(end, "gapbench-id:");
    c->id = mark ? strtol(mark + 12, 0, 10) : -1;
    c->in[whole] = saved;
    memmove(c->in, c->in + whole, c->used - whole), c->used -= whole;
    c->busy = 1, c->next = c->whole ? tokens - 1 : 0, c->offset = 0, c->blocked = 0;
    c->read_s = now();
    c->first_s = c->due_s = c->read_s + first_s * exp(sigma * normal());
    if (c->whole) c->due_s += (tokens - 1) * gap_s;
    push(fd);
}

static void stop(int number) { (void)number, stopping = 1; }

int main(int argc, char **argv) {
    if (argc < 8) return fprintf(stderr, "usage: %s PORT LOG PROTOCOL TOKENS FIRST_MS SIGMA GAP_MS [SEED [ADDRESS]]\n", argv[0]), 2;
    out = strcmp(argv[2], "-") ? fopen(argv[2], "w") : 0;
    tokens = atoi(argv[4]);
    if (tokens < 1 || tokens > MAX_TOKENS) return fprintf(stderr, "TOKENS: 1 to %d\n", MAX_TOKENS), 2;
    first_s = atof(argv[5]) / 1e3, sigma = atof(argv[6]), gap_s = atof(argv[7]) / 1e3;
    state = 88172645463325252ULL ^ (argc > 8 ? strtoull(argv[8], 0, 10) * 2654435761ULL : 0);
    lay_out(argv[3]);
    lay_out_whole();
    is_openai = !strcmp(argv[3], "openai");
    if (out) setvbuf(out, 0, _IOFBF, 1 << 20);
    struct sigaction action = {.sa_handler = stop};
    sigaction(SIGTERM, &action, 0), sigaction(SIGINT, &action, 0);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (argc > 9) address.sin_addr.s_addr = inet_addr(argv[9]);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096)) return perror("listen"), 1;
    socklen_t size = sizeof address;
    getsockname(listener, (struct sockaddr *)&address, &size);
    epoll_fd = epoll_create1(0);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, found[512];
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &e);
    e.data.fd = timer;
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, timer, &e);
    printf("listening http://%s:%d\n", argc > 9 ? argv[9] : "127.0.0.1", ntohs(address.sin_port));
    fflush(stdout);
    while (!stopping) {
        int wait_ms = -1;
        if (heap_n) { /* timers of epoll tick in milliseconds; a timerfd in nanoseconds */
            double due_s = conns[heap[0]].due_s;
            if (due_s <= now()) wait_ms = 0;
            else {
                struct itimerspec t = {.it_value = {(time_t)due_s, (long)((due_s - (time_t)due_s) * 1e9) + 1}};
                timerfd_settime(timer, TFD_TIMER_ABSTIME, &t, 0);
            }
        }
        int n = epoll_wait(epoll_fd, found, 512, wait_ms);
        for (int i = 0; i < n; i++) {
            int fd = found[i].data.fd;
            if (fd == timer) {
                uint64_t ticks;
                if (read(timer, &ticks, 8) < 0) continue;
            } else if (fd == listener) {
                int made;
                while ((made = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
                    if (made >= MAX_FD) { close(made); continue; }
                    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
                    setsockopt(made, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes);
                    Conn *c = &conns[made];
                    if (!c->write_s) c->write_s = malloc(sizeof(double) * tokens);
                    if (!c->in) c->in = malloc(c->room = 16384);
                    c->open = 1, c->used = 0, c->busy = 0, c->heap_at = -1;
                    e.events = EPOLLIN, e.data.fd = made;
                    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, made, &e);
                }
            } else {
                Conn *c = &conns[fd];
                if (!c->open) continue;
                if (found[i].events & EPOLLOUT && c->blocked) {
                    c->blocked = 0;
                    e.events = EPOLLIN, e.data.fd = fd;
                    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, fd, &e);
                    advance(fd);
                }
                if (found[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
                    if (c->room - c->used < 8192 && c->room < MAX_REQUEST) c->in = realloc(c->in, c->room *= 2);
                    ssize_t got = receive(fd, c->in + c->used, c->room - c->used - 1, &c->arrived_s);
                    if (got <= 0) { if (got == 0 || errno != EAGAIN) shut(fd); continue; }
                    c->used += got;
                    take(fd);
                }
            }
        }
        double at_s = now();
        for (int turns = 0; heap_n && turns < 4096 && conns[heap[0]].due_s <= at_s; turns++) {
            int fd = heap[0];
            advance(fd);
        }
    }
    if (out) fclose(out);
    printf("late %ld of %ld\n", late_n, written_n);
    return 0;
}
