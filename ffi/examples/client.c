/* One exchange over HTTP/1.1 or HTTP/2, or a WebSocket over either, with poll(2) and with no other library than avx.
 *
 *     ./client [-2] http://host:port/path         prints what GET brings
 *     ./client [-2] ws://host:port/path <message  sends one message, and prints the one that comes back
 *
 * -2 speaks HTTP/2 from the first byte on, as with a server that is known to; a WebSocket is then a stream of it. */
#define _POSIX_C_SOURCE 200809L
#include <avx.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static avx_connection *connection;
static avx_scratch *scratch;
static const char *authority, *target;
static bool websocket, open_now, all_sent, over;
static uint64_t stream;
static int failed;

/* Of the message: what was read and has not been taken yet. */
static uint8_t piece[16384];
static size_t piece_len;
static bool piece_waits;

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void fail(const char *what, const char *why) {
    fprintf(stderr, "client: %s: %s\n", what, why ? why : "no reason given");
    failed = 1;
    over = true;
}

static bool is_done(int32_t code, const char *what) {
    if (code != AVX_OK)
        fail(what, avx_strerror(code));
    return code == AVX_OK;
}

static void get(void) {
    avx_field accept = avx_line("Accept", "*/*");
    is_done(avx_send_request(connection, scratch, now(), avx_text("GET"), avx_text(target), avx_text(authority), &accept,
                             1, 0, &stream),
            "GET");
}

static void ask_for_websocket(void) {
    uint8_t entropy[48];
    FILE *source = fopen("/dev/urandom", "rb");
    if (!source || fread(entropy, sizeof entropy, 1, source) != 1)
        fail("/dev/urandom", strerror(errno));
    else
        is_done(avx_websocket_request(connection, scratch, now(), entropy, avx_text(target), avx_text(authority),
                                      avx_text(""), NULL, 0, &stream),
                "WebSocket");
    if (source)
        fclose(source);
}

/* Sends the message as far as there is room: what finds none waits here, and no more is read meanwhile. */
static void send_message(void) {
    while (open_now && !all_sent) {
        bool last;
        int32_t code;
        if (!piece_waits) {
            piece_len = fread(piece, 1, sizeof piece, stdin);
            piece_waits = true;
        }
        last = piece_len < sizeof piece;
        code = avx_websocket_send(connection, scratch, now(), stream, false, piece, piece_len, last);
        if (code == AVX_ERROR_OUTPUT_FULL)
            return;
        if (!is_done(code, "message"))
            return;
        piece_waits = false;
        all_sent = last;
    }
}

static void handle(const avx_event *event) {
    switch (event->kind) {
    case AVX_EVENT_SETTINGS:
        if (websocket && !stream && event->websocket)
            ask_for_websocket();
        else if (websocket && !stream)
            fail(target, "the server takes no WebSocket over HTTP/2");
        break;
    case AVX_EVENT_RESPONSE:
        if (websocket ? event->status != 101 && event->status != 200 : event->status >= 400) {
            fprintf(stderr, "client: %s: status %u\n", target, event->status);
            failed = 1;
        }
        break;
    case AVX_EVENT_DATA:
    case AVX_EVENT_MESSAGE:
        fwrite(event->data.data, 1, event->data.len, stdout);
        if (event->kind == AVX_EVENT_DATA)
            avx_release(connection, event->stream, event->data.len);
        else if (event->last)
            avx_websocket_close(connection, scratch, now(), stream, 1000, NULL, 0);
        break;
    case AVX_EVENT_OPEN:
        open_now = true;
        break;
    case AVX_EVENT_CLOSE:
        open_now = false;
        if (event->code != 1000)
            failed = 1;
        break;
    case AVX_EVENT_END:
        /* (Over HTTP/1.1 the 101 that opens a WebSocket has an end as well.) */
        if (avx_protocol(connection) == 20 || !websocket || failed)
            avx_shutdown(connection, now());
        break;
    case AVX_EVENT_RESET:
        fprintf(stderr, "client: %.*s\n", (int)event->reason.len, (const char *)event->reason.data);
        fail(target, "the stream was reset");
        break;
    default:
        break;
    }
}

/* Takes what has come, does one step, and says what to wait for before the next: nothing, POLLIN or POLLOUT. */
static short advance(int fd) {
    const avx_event *event;
    avx_step step;
    ssize_t n;
    int32_t code;
    avx_timed_out(connection, now());
    while ((code = avx_next(connection, scratch, now(), &event)) == AVX_OK && event)
        handle(event);
    if (code != AVX_OK)
        fail(avx_strerror(code), avx_peer_error(connection));
    send_message();
    if (!is_done(avx_next_step(connection, scratch, &step), "step"))
        return 0;
    switch (step.kind) {
    case AVX_STEP_WRITE:
        n = send(fd, step.bytes.data, step.bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            fail("write", strerror(errno));
        avx_did_write(connection, now(), n < 0 ? 0 : (size_t)n);
        return n < 0 ? POLLOUT : 0;
    case AVX_STEP_READ:
        n = recv(fd, step.memory, step.memory_len, MSG_DONTWAIT);
        if (n >= 0)
            avx_did_read(connection, now(), (size_t)n);
        else if (errno != EAGAIN && errno != EINTR)
            fail("read", strerror(errno));
        return n < 0 ? POLLIN : 0;
    case AVX_STEP_SHUTDOWN:
        shutdown(fd, SHUT_WR);
        return 0;
    case AVX_STEP_CLOSE:
        over = true;
        return 0;
    default:
        return POLLHUP;
    }
}

static int connect_to(const char *host, const char *port) {
    struct addrinfo hints, *list, *at;
    int fd = -1, code;
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    if ((code = getaddrinfo(host, port, &hints, &list)) != 0) {
        fail(host, gai_strerror(code));
        return -1;
    }
    for (at = list; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd < 0)
        fail(host, strerror(errno));
    return fd;
}

int main(int argc, char **argv) {
    bool two = argc == 3 && strcmp(argv[1], "-2") == 0;
    const char *url = argc == 2 || two ? argv[argc - 1] : "";
    char host[256], *port, *path;
    int fd;
    if (avx_abi_version() != AVX_ABI_VERSION) {
        fprintf(stderr, "avx %s has another ABI than this program\n", avx_version());
        return 1;
    }
    websocket = strncmp(url, "ws://", 5) == 0;
    if (!websocket && strncmp(url, "http://", 7) != 0) {
        fprintf(stderr, "usage: client [-2] http://host:port/path | ws://host:port/path\n");
        return 2;
    }
    snprintf(host, sizeof host, "%s", url + (websocket ? 5 : 7));
    path = strchr(host, '/');
    target = path ? strchr(url + (websocket ? 5 : 7), '/') : "/";
    if (path)
        *path = 0;
    authority = strdup(host);
    port = strrchr(host, ':');
    if (port)
        *port++ = 0;
    fd = connect_to(host, port ? port : "80");
    if (fd < 0)
        return 1;
    scratch = avx_scratch_new();
    if (is_done(avx_client_new(NULL, two ? 20 : 11, false, now(), &connection), "connection")) {
        if (!websocket)
            get();
        else if (!two)
            ask_for_websocket(); /* Over HTTP/2 the server has to say first that it takes any. */
    }
    while (!over) {
        struct pollfd wait = {fd, advance(fd), 0};
        uint64_t deadline = avx_deadline(connection), at = now();
        int left = deadline == AVX_NEVER ? -1 : deadline <= at ? 0 : (int)((deadline - at) / 1000000 % 1000000000) + 1;
        if (wait.events && !over) {
            avx_rest(connection, scratch);
            poll(&wait, 1, left);
        }
    }
    avx_connection_free(connection);
    avx_scratch_free(scratch);
    close(fd);
    free((char *)authority);
    return failed || (websocket && !all_sent) || fflush(stdout) != 0;
}
