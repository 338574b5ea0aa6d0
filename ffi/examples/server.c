/* HTTP/1.1, HTTP/2 and WebSocket on one port over epoll, in one thread and with no other library than avx.
 *
 *     ./server [port]
 *
 * GET / greets, POST /echo sends content back while it comes, /ws echoes a WebSocket, over either version. Who does not
 * read is not read from; who is slow is timed out; SIGTERM and SIGINT end it when what is in flight is done. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <avx.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Content that is echoed on one stream: what waits, and whether that is all. */
struct echo {
    uint64_t stream;
    uint8_t *rest;
    size_t len, room;
    bool all;
    struct echo *next;
};

struct connection {
    int fd;
    uint32_t waits; /* what epoll tells of */
    avx_connection *avx;
    struct echo *echoes;
    struct connection *next, **here;
};

static avx_scratch *scratch;
static avx_config *config;
static struct connection *connections;
static int epoll_fd;
/* Until when nobody is accepted, because too many files are open; 0 otherwise. */
static uint64_t paused_until;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void *memory(void *there, size_t size) {
    void *got = realloc(there, size);
    if (!got) {
        fputs("out of memory\n", stderr);
        exit(1);
    }
    return got;
}

static struct echo *find(struct connection *c, uint64_t stream) {
    struct echo *echo = c->echoes;
    while (echo && echo->stream != stream)
        echo = echo->next;
    return echo;
}

static void forget(struct connection *c, struct echo *echo) {
    struct echo **here = &c->echoes;
    while (*here != echo)
        here = &(*here)->next;
    *here = echo->next;
    free(echo->rest);
    free(echo);
}

static void keep(struct echo *echo, avx_bytes data) {
    if (echo->room - echo->len < data.len) {
        echo->room = (echo->len + data.len) * 2;
        echo->rest = memory(echo->rest, echo->room);
    }
    memcpy(echo->rest + echo->len, data.data, data.len);
    echo->len += data.len;
}

/* Sends what waits, as far as there is room and credit, and lets the peer send as much again. */
static void send_echoes(struct connection *c, uint64_t at) {
    for (struct echo *echo = c->echoes, *next; echo; echo = next) {
        size_t taken = 0;
        next = echo->next;
        if (echo->len > 0) {
            avx_send_data(c->avx, scratch, at, echo->stream, echo->rest, echo->len, &taken);
            avx_release(c->avx, echo->stream, taken);
            echo->len -= taken;
            memmove(echo->rest, echo->rest + taken, echo->len);
        }
        avx_wants_write(c->avx, echo->stream, echo->len > 0);
        if (echo->len == 0 && echo->all && avx_send_end(c->avx, scratch, at, echo->stream, NULL, 0) == AVX_OK)
            forget(c, echo);
    }
}

static void answer(struct connection *c, const avx_event *event, uint64_t at) {
    uint64_t stream = event->stream;
    bool get = avx_is(event->method, "GET"), follows = false;
    int32_t code;
    if (event->expects_continue)
        avx_send_informational(c->avx, scratch, at, stream, 100, NULL, 0);
    if (get && avx_is(event->path, "/")) {
        avx_field type = avx_line("Content-Type", "text/plain");
        avx_bytes greeting = avx_text("Hello, World!\n");
        code = avx_send_full(c->avx, scratch, at, stream, 200, &type, 1, greeting.data, greeting.len);
    } else if ((get || event->websocket) && avx_is(event->path, "/ws")) {
        code = avx_websocket_reply(c->avx, scratch, at, stream, NULL, 0, NULL);
        if (code == AVX_ERROR_BAD_UPGRADE)
            code = avx_send_full(c->avx, scratch, at, stream, 426, NULL, 0, NULL, 0);
    } else if (avx_is(event->method, "POST") && avx_is(event->path, "/echo")) {
        code = avx_send_response(c->avx, scratch, at, stream, 200, NULL, 0, event->content_length, &follows);
        if (follows) {
            struct echo *echo = memory(NULL, sizeof *echo);
            *echo = (struct echo){.stream = stream, .next = c->echoes};
            c->echoes = echo;
        }
    } else {
        code = avx_send_full(c->avx, scratch, at, stream, 404, NULL, 0, NULL, 0);
    }
    if (code != AVX_OK) {
        fprintf(stderr, "cannot answer: %s\n", avx_strerror(code));
        avx_reset(c->avx, at, stream, 2);
    }
}

/* Takes what has come, and says what there is to say to it. */
static void talk(struct connection *c, uint64_t at) {
    const avx_event *event;
    struct echo *echo;
    for (;;) {
        send_echoes(c, at);
        if (avx_next(c->avx, scratch, at, &event) != AVX_OK || !event)
            return;
        switch (event->kind) {
        case AVX_EVENT_REQUEST:
            answer(c, event, at);
            break;
        case AVX_EVENT_DATA:
            if ((echo = find(c, event->stream)))
                keep(echo, event->data);
            else
                avx_release(c->avx, event->stream, event->data.len);
            break;
        case AVX_EVENT_END:
            if ((echo = find(c, event->stream)))
                echo->all = true;
            break;
        case AVX_EVENT_RESET:
            if ((echo = find(c, event->stream)))
                forget(c, echo);
            avx_done(c->avx, at, event->stream);
            break;
        case AVX_EVENT_MESSAGE:
            /* There is room for it, and that the connection is being closed is no news. */
            avx_websocket_send(c->avx, scratch, at, event->stream, event->text, event->data.data, event->data.len,
                               event->last);
            break;
        default:
            break;
        }
    }
}

static void end(struct connection *c) {
    while (c->echoes)
        forget(c, c->echoes);
    avx_connection_free(c->avx);
    close(c->fd);
    *c->here = c->next;
    if (c->next)
        c->next->here = c->here;
    free(c);
}

/* Everything that can be done without waiting. Says what to wait for, or -1 when the connection is over. */
static int advance(struct connection *c, uint64_t at) {
    avx_timed_out(c->avx, at);
    for (;;) {
        avx_step step;
        ssize_t n;
        talk(c, at);
        if (avx_next_step(c->avx, scratch, &step) != AVX_OK)
            return -1;
        switch (step.kind) {
        case AVX_STEP_WRITE:
            n = send(c->fd, step.bytes.data, step.bytes.len, MSG_NOSIGNAL);
            if (n < 0 && errno != EAGAIN && errno != EINTR)
                return -1;
            avx_did_write(c->avx, at, n < 0 ? 0 : (size_t)n);
            if (n < 0 && errno == EAGAIN)
                return EPOLLOUT;
            break;
        case AVX_STEP_READ:
            n = recv(c->fd, step.memory, step.memory_len, 0);
            if (n < 0 && errno != EAGAIN && errno != EINTR)
                return -1;
            if (n >= 0) {
                avx_did_read(c->avx, at, (size_t)n);
            } else if (errno == EAGAIN) {
                avx_rest(c->avx, scratch);
                return EPOLLIN;
            }
            break;
        case AVX_STEP_SHUTDOWN:
            shutdown(c->fd, SHUT_WR);
            break;
        case AVX_STEP_CLOSE:
            if (step.reset)
                setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
            return -1;
        default:
            return 0;
        }
    }
}

/* `events` is what epoll has told: a connection that is gone is told of for ever, whether it is waited for or not. */
static void drive(struct connection *c, uint32_t events) {
    int waits = advance(c, now());
    struct epoll_event event = {.events = (uint32_t)waits, .data.ptr = c};
    if (waits < 0 || (waits == 0 && events & (EPOLLERR | EPOLLHUP))) {
        end(c);
    } else if (c->waits != (uint32_t)waits) {
        c->waits = (uint32_t)waits;
        epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &event);
    }
}

static void begin(int fd) {
    struct connection *c = memory(NULL, sizeof *c);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    *c = (struct connection){.fd = fd, .waits = EPOLLIN, .next = connections, .here = &connections};
    if (avx_server_new(config, 0, now(), &c->avx) != AVX_OK || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
        avx_connection_free(c->avx);
        close(fd);
        free(c);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (connections)
        connections->here = &c->next;
    connections = c;
}

/* How long epoll may wait, in milliseconds; and whoever is late is driven. */
static int next_deadline(void) {
    uint64_t at = now(), first = AVX_NEVER;
    for (struct connection *c = connections, *next; c; c = next) {
        uint64_t deadline = avx_deadline(c->avx);
        next = c->next;
        if (deadline <= at)
            drive(c, 0), first = at;
        else if (deadline < first)
            first = deadline;
    }
    if (paused_until && paused_until < first)
        first = paused_until;
    if (first == AVX_NEVER)
        return -1;
    return first <= at ? 0 : (int)((first - at) / 1000000 % 1000000000) + 1;
}

/* A Date for all responses, which is to be set anew each second. */
static void set_date(void) {
    static time_t set;
    time_t at = time(NULL);
    uint8_t date[29];
    if (at != set && at > 0 && avx_date((uint64_t)at, date) == AVX_OK) {
        avx_field line = {{(const uint8_t *)"Date", 4}, {date, sizeof date}, 0};
        avx_preset(scratch, &line, 1);
        set = at;
    }
}

static void listen_to(int listener, bool yes) {
    struct epoll_event event = {.events = yes ? EPOLLIN : 0, .data.ptr = &paused_until};
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, listener, &event);
    paused_until = yes ? 0 : now() + 100000000;
}

static void shut_down(int listener) {
    epoll_ctl(epoll_fd, EPOLL_CTL_DEL, listener, NULL);
    paused_until = 0;
    for (struct connection *c = connections, *next; c; c = next) {
        next = c->next;
        avx_shutdown(c->avx, now());
        drive(c, 0);
    }
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sigset_t signals;
    bool ends = false;
    if (avx_abi_version() != AVX_ABI_VERSION) {
        fprintf(stderr, "avx %s has another ABI than this program\n", avx_version());
        return 1;
    }
    address.sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 8080));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0
        || getsockname(listener, (struct sockaddr *)&address, &len) != 0) {
        perror("listen");
        return 1;
    }
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
    scratch = avx_scratch_new();
    config = avx_config_new();
    avx_config_set(config, AVX_OPTION_CONNECT_PROTOCOL, 1);
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &paused_until});
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, signal_fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = &signals});
    printf("listening on http://127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    while (!ends || connections) {
        /* One at a time, so that none is told of that has ended meanwhile. */
        struct epoll_event event;
        int told = epoll_wait(epoll_fd, &event, 1, next_deadline());
        if (paused_until && paused_until <= now())
            listen_to(listener, true);
        if (told < 1)
            continue;
        set_date();
        if (event.data.ptr == &paused_until) {
            int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd >= 0)
                begin(fd);
            else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                listen_to(listener, false);
        } else if (event.data.ptr == &signals) {
            epoll_ctl(epoll_fd, EPOLL_CTL_DEL, signal_fd, NULL);
            ends = true;
            shut_down(listener);
        } else {
            drive(event.data.ptr, event.events);
        }
    }
    close(listener);
    close(signal_fd);
    close(epoll_fd);
    avx_config_free(config);
    avx_scratch_free(scratch);
    return 0;
}
