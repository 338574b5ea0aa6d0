// avx: HTTP/1.1, HTTP/2 and WebSocket as machines without I/O.
//
// A connection takes bytes and the time, tells of events, and has bytes to write. Sockets, clocks and waiting are the
// caller's. The loop, for each connection, whenever something happens to it:
//
//     avx_timed_out(connection, now);
//     for (;;) {
//         while (avx_next(connection, scratch, now, &event) == AVX_OK && event)
//             ... answer: avx_send_full, avx_send_response, avx_send_data, avx_websocket_send, avx_release ...
//         avx_next_step(connection, scratch, &step);
//         switch (step.kind) {
//         case AVX_STEP_WRITE:    write some of step.bytes; avx_did_write(connection, now, n), with 0 if it would
//                                 block; then wait until it would not
//         case AVX_STEP_READ:     read into step.memory; avx_did_read(connection, now, n), with 0 at the end of the
//                                 input; if there is nothing, avx_rest(connection, scratch) and wait
//         case AVX_STEP_SHUTDOWN: shutdown(fd, SHUT_WR)
//         case AVX_STEP_CLOSE:    close(fd), with SO_LINGER of zero if step.reset; avx_connection_free(connection)
//         case AVX_STEP_WAIT:     wait
//         }
//     }
//     ... and wait no longer than until avx_deadline(connection).
//
// Whatever is said later than that, from a timer or for another connection, is followed by the same: events, then steps,
// because it may have brought some of both. Where the transport itself fails, close it and free the connection.
//
// ffi/examples/server.c is a whole server over epoll, ffi/examples/client.c a client over poll.
//
// Rules for all calls
//
// - Results. AVX_OK is 0, errors are negative (enum avx_code), and an error has changed nothing and written nothing,
//   unless said otherwise. A null pointer where one is needed is AVX_ERROR_NULL, never a crash.
// - Pointers. A pointer to bytes comes with a length and may be null when that is 0. Bytes handed in are copied or
//   used up before the call returns; they may be those of an event, but for avx_read_from. Handles are from their own
//   constructors; free each once. NULL may be freed.
// - Events. What an event points to (itself, fields, names, data) is valid until the next call of avx_next,
//   avx_next_step, avx_did_read, avx_read_from, avx_discard, avx_rest or a free with the same connection or the same
//   scratch. Every avx_send_*, avx_websocket_*, avx_release and the like leaves it alone: answer while you hold it, and
//   pass it on to other connections. Nothing in it ends with a NUL or is known to be UTF-8, but text of WebSockets.
// - Streams. Each exchange has a number of its own. A WebSocket is what avx_websocket_reply or avx_websocket_request has
//   made of one: of a connection of HTTP/1.1 as a whole, of a single stream over HTTP/2. All calls and events name it.
// - Time. `now` is nanoseconds from any epoch of the caller's choice, and must not run backwards on a connection.
// - Threads. Handles have no locks and no thread of their own. A connection and a scratch may move between threads, but
//   are used by one at a time. Use one scratch for each thread, with all of its connections. A configuration may be
//   shared by all threads once it is not written to any more.
// - Panics never leave the library. Should there be a bug inside, the call returns AVX_ERROR_UNUSABLE, and so does every
//   later one with the same handles: free them.
// - Memory. A connection allocates when it is made, when it turns out to be one of HTTP/2, for streams up to the limit,
//   and takes 64 KiB buffers from the scratch while something is pending. Events and answers allocate nothing, beyond
//   24 field lines, WebSockets and avx_preset apart. What is sent at once, alone, and is larger than a buffer gets one
//   of its size. When the system has no memory left, the process is aborted.
// - Versions. A library of the same ABI may know more functions, codes, options, events and members at the end of
//   avx_event than this header; avx_bytes, avx_field and avx_step stay. Ignore events of an unknown kind. The header is C99
//   and C++11.


#ifndef AVX_H
#define AVX_H

// Generated from ffi/src by ffi/tests/header.rs (BLESS=1 writes it). Do not edit.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define AVX_ABI_VERSION 0

// No deadline (avx_deadline).
#define AVX_NEVER UINT64_MAX


// What a step is.
enum avx_step_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Nothing, before the deadline or a call of the user's.
  AVX_STEP_WAIT = 0,
  // Write some of `bytes`, then avx_did_write; 0 when none is taken now.
  AVX_STEP_WRITE = 1,
  // Read into `memory`, at most `memory_len`, then avx_did_read; 0 at the end of the input.
  AVX_STEP_READ = 2,
  // Shut the sending side down. Said once.
  AVX_STEP_SHUTDOWN = 3,
  // Close the transport, with a reset if `reset` says so, and free the connection.
  AVX_STEP_CLOSE = 4,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum avx_step_kind avx_step_kind;
#else
typedef uint32_t avx_step_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What an event is. A library of the same ABI may tell of others later: they are to be ignored.
enum avx_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Never told.
  AVX_EVENT_NONE = 0,
  // A request head: method, target, path, query, authority, version, fields, content_length, expects_continue,
  // websocket, upgrade, scheme.
  AVX_EVENT_REQUEST = 1,
  // An interim response (client): status, reason, version, fields.
  AVX_EVENT_INFORMATIONAL = 2,
  // A final response head, or 101: the same and content_length.
  AVX_EVENT_RESPONSE = 3,
  // A piece of content: data. Give its length back with avx_release when it is used up, or nothing more comes.
  AVX_EVENT_DATA = 4,
  // The message is complete: fields are its trailers, dropped counts those left out.
  AVX_EVENT_END = 5,
  // The exchange is over before its end: code, by_peer. Call avx_done when all work on it has ended. Of a WebSocket
  // that did not end in order, reason says why, if its peer broke the protocol.
  AVX_EVENT_RESET = 6,
  // The peer takes no new exchanges: stream is the last one it may process, code why, data what it says.
  AVX_EVENT_GO_AWAY = 7,
  // Another protocol goes on, in code: 1 HTTP/2, 2 WebSocket, 3 anything. Its first bytes are with avx_unread; from
  // now on the caller reads and writes itself, once the output has left. Not told of a WebSocket that this library
  // goes on with.
  AVX_EVENT_SWITCHED = 8,
  // The settings of a server of HTTP/2 have come, or new ones: websocket says whether it takes avx_websocket_request.
  AVX_EVENT_SETTINGS = 9,
  // This is a WebSocket from now on: over HTTP/1.1 the connection, over HTTP/2 the stream. That ends with
  // AVX_EVENT_END when it was closed in order, and otherwise with AVX_EVENT_RESET; the connection with its last step.
  AVX_EVENT_OPEN = 20,
  // A piece of a message: data, text, last.
  AVX_EVENT_MESSAGE = 21,
  // A ping, which is answered already: data.
  AVX_EVENT_PING = 22,
  // A pong: data.
  AVX_EVENT_PONG = 23,
  // The peer's close frame, which is answered already: code, data is its reason.
  AVX_EVENT_CLOSE = 24,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum avx_event_kind avx_event_kind;
#else
typedef uint32_t avx_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Results of calls. Those a library of the same ABI adds later are negative as well.
enum avx_code
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // It is done.
  AVX_OK = 0,
  // A pointer that is needed is null.
  AVX_ERROR_NULL = -1,
  // A number or a length makes no sense there.
  AVX_ERROR_ARGUMENT = -2,
  // The call is for another protocol, or another role, than this connection has.
  AVX_ERROR_PROTOCOL = -3,
  // A call before has failed inside the library (a bug), or another one is under way: free the handle.
  AVX_ERROR_UNUSABLE = -4,
  // The peer broke the protocol: avx_peer_error says how. Go on with the steps, which end the connection.
  AVX_ERROR_PEER = -5,
  // The peer did not accept the handshake in a valid way. The connection is of no more use.
  AVX_ERROR_HANDSHAKE = -6,
  // The stream is unknown, or over.
  AVX_ERROR_UNKNOWN_STREAM = -20,
  // The call does not fit the state of the stream.
  AVX_ERROR_WRONG_STATE = -21,
  // More content than announced.
  AVX_ERROR_BODY_TOO_LONG = -22,
  // Less content than announced.
  AVX_ERROR_BODY_TOO_SHORT = -23,
  // The message cannot have content.
  AVX_ERROR_BODY_NOT_ALLOWED = -24,
  // The method is not a token.
  AVX_ERROR_BAD_METHOD = -25,
  // The request target is malformed or does not fit the method.
  AVX_ERROR_BAD_TARGET = -26,
  // The authority is malformed or missing.
  AVX_ERROR_BAD_AUTHORITY = -27,
  // The status does not fit the call.
  AVX_ERROR_BAD_STATUS = -28,
  // The reason phrase holds a forbidden byte.
  AVX_ERROR_BAD_REASON = -29,
  // A field name is not a token, or has no place in this version.
  AVX_ERROR_BAD_FIELD_NAME = -30,
  // A field value holds a forbidden byte.
  AVX_ERROR_BAD_FIELD_VALUE = -31,
  // A field that the library writes itself disagrees with the length announced.
  AVX_ERROR_FRAMING_FIELD = -32,
  // A field that must not stand in trailers.
  AVX_ERROR_FORBIDDEN_TRAILER = -33,
  // The upgrade was not asked for.
  AVX_ERROR_BAD_UPGRADE = -34,
  // The peer allows no more streams for now, or this connection has no identifiers left.
  AVX_ERROR_NO_STREAMS = -35,
  // The content is larger than the peer's window, and the call does not cut it.
  AVX_ERROR_NO_CREDIT = -36,
  // The close code must not be sent.
  AVX_ERROR_BAD_CLOSE_CODE = -37,
  // A control frame holds 125 bytes, a close reason 123.
  AVX_ERROR_CONTROL_TOO_LONG = -38,
  // The output has too little room: write it out, and call again.
  AVX_ERROR_OUTPUT_FULL = -39,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum avx_code avx_code;
#else
typedef int32_t avx_code;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What can be set. Sizes are bytes, times are milliseconds, switches are 0 or 1; the defaults stand beside them.
enum avx_option
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Request line or status line. 8 KiB; beyond it 414.
  AVX_OPTION_START_LINE = 1,
  // A whole head. 64 KiB; beyond it 431.
  AVX_OPTION_HEAD = 2,
  // One field line. 16 KiB; beyond it 431.
  AVX_OPTION_FIELD_LINE = 3,
  // Field lines in a head or a trailer section. 100; beyond it 431.
  AVX_OPTION_FIELDS = 4,
  // Trailer section. 16 KiB; beyond it 431.
  AVX_OPTION_TRAILERS = 5,
  // Interim responses before a final one (client). 32.
  AVX_OPTION_INFORMATIONAL = 6,
  // Request content still read after the response went out; beyond it the connection is closed. 256 KiB.
  AVX_OPTION_UNREAD_BODY = 7,
  // Requests a client may have in flight over HTTP/1.1, 1 to 32. 16.
  AVX_OPTION_PIPELINED = 8,
  // Empty lines before a request line. 4; beyond it 400.
  AVX_OPTION_LEADING_EMPTY_LINES = 9,
  // The line before a chunk. 4 KiB; beyond it 400.
  AVX_OPTION_CHUNK_LINE = 10,
  // Chunk extensions of a message. 16 KiB; beyond it 400.
  AVX_OPTION_CHUNK_EXTENSIONS = 11,
  // Bytes of chunk lines and their ends tolerated before content has to outweigh them. 64 KiB; beyond it 400.
  AVX_OPTION_CHUNK_OVERHEAD = 12,
  // From the connection's start to the end of its first head. 30 s.
  AVX_OPTION_FIRST_HEAD_TIMEOUT = 20,
  // From the first byte of a head to its end. 10 s; then 408.
  AVX_OPTION_HEAD_TIMEOUT = 21,
  // Between two exchanges. 60 s.
  AVX_OPTION_IDLE_TIMEOUT = 22,
  // Waiting for content that never comes: free of charge for so long. 5 s.
  AVX_OPTION_BODY_GRACE = 23,
  // Bytes a second of content below which, beyond the grace, the peer is too slow. 240; 0: any.
  AVX_OPTION_BODY_RATE = 24,
  // No progress of pending output. 30 s.
  AVX_OPTION_WRITE_STALL = 25,
  // Bytes a second of pending output below which, beyond that, the peer is too slow. 240; 0: any.
  AVX_OPTION_WRITE_RATE = 26,
  // From avx_shutdown to the end of what is in flight. 30 s.
  AVX_OPTION_DRAIN = 27,
  // Reading on after the last response of a closing connection has left. 2 s.
  AVX_OPTION_LINGER = 28,
  // How long a client waits for 100 (Continue). 1 s.
  AVX_OPTION_EXPECT_CONTINUE = 29,
  // HTTP/2: streams the peer may have open at the same time. 100.
  AVX_OPTION_MAX_STREAMS = 40,
  // Window a stream begins with, and over HTTP/1.1 what is told of before content has to be released. 64 KiB.
  AVX_OPTION_STREAM_WINDOW = 41,
  // HTTP/2: window a stream grows to. 16 MiB.
  AVX_OPTION_MAX_STREAM_WINDOW = 42,
  // HTTP/2: window the connection begins with, at least 65535. 1 MiB.
  AVX_OPTION_CONNECTION_WINDOW = 43,
  // HTTP/2: window the connection grows to: content that the caller may hold. 24 MiB.
  AVX_OPTION_MAX_CONNECTION_WINDOW = 44,
  // HTTP/2: let windows grow with what the path holds. 1.
  AVX_OPTION_GROW_WINDOWS = 45,
  // HTTP/2: largest payload of a frame accepted, 16384 to 2^24 - 1. 16 KiB.
  AVX_OPTION_MAX_FRAME = 46,
  // HTTP/2: size of a field section. 32 KiB; beyond it 431.
  AVX_OPTION_FIELD_SECTION = 47,
  // HTTP/2: streams that may be reset at once ... 200.
  AVX_OPTION_RESETS = 48,
  // ... and a second. 33.
  AVX_OPTION_RESETS_PER_SECOND = 49,
  // HTTP/2: how long a stream may wait for credit. 30 s.
  AVX_OPTION_WINDOW_STALL = 50,
  // HTTP/2: send a PING when nothing has come for so long. 0: never.
  AVX_OPTION_HTTP2_KEEP_ALIVE = 51,
  // HTTP/2: how long the peer may take to answer it. 20 s.
  AVX_OPTION_HTTP2_KEEP_ALIVE_TIMEOUT = 52,
  // HTTP/2: how long the peer may take to acknowledge settings. 10 s.
  AVX_OPTION_SETTINGS_TIMEOUT = 53,
  // HTTP/2: table that decodes field blocks. 4096.
  AVX_OPTION_TABLE_SIZE = 54,
  // HTTP/2: table that encodes them, if the peer allows as much. 4096.
  AVX_OPTION_ENCODER_TABLE_SIZE = 55,
  // HTTP/2: CONTINUATION frames in a field block; empty ones count double. 8.
  AVX_OPTION_CONTINUATIONS = 56,
  // HTTP/2: useless frames at once ... 1000.
  AVX_OPTION_GLITCHES = 57,
  // ... and a second. 100.
  AVX_OPTION_GLITCHES_PER_SECOND = 58,
  // HTTP/2: answers (acknowledgements, resets) that wait for the peer to read, of 16 bytes each. 1000.
  AVX_OPTION_CONTROL_FRAMES = 59,
  // HTTP/2: empty DATA frames in a row that end nothing. 10.
  AVX_OPTION_EMPTY_DATA = 60,
  // HTTP/2: what content not yet released may cost, 256 bytes for each DATA frame less what it carries. 64 KiB.
  AVX_OPTION_DATA_OVERHEAD = 61,
  // HTTP/2: PRIORITY frames for a stream. 100.
  AVX_OPTION_PRIORITIES = 62,
  // HTTP/2: entries in a SETTINGS frame. 32.
  AVX_OPTION_SETTINGS = 63,
  // HTTP/2: a server takes WebSockets on streams (RFC 8441). 0.
  AVX_OPTION_CONNECT_PROTOCOL = 64,
  // WebSocket: a whole message. 16 MiB; beyond it 1009.
  AVX_OPTION_MESSAGE = 70,
  // WebSocket: the payload of one frame. 16 MiB; beyond it 1009.
  AVX_OPTION_FRAME = 71,
  // WebSocket: control frames at once ... 1000.
  AVX_OPTION_CONTROLS = 72,
  // ... and a second. 100.
  AVX_OPTION_CONTROLS_PER_SECOND = 73,
  // WebSocket: send a ping when nothing has come for so long. 30 s; 0: never.
  AVX_OPTION_WEBSOCKET_KEEP_ALIVE = 74,
  // WebSocket: how long the peer may take to say something after it. 20 s; 0: for ever.
  AVX_OPTION_PONG_TIMEOUT = 75,
  // WebSocket: how long the peer may take to answer a close frame. 5 s.
  AVX_OPTION_CLOSE_TIMEOUT = 76,
  // WebSocket: empty fragments in a row that end nothing. 100; beyond it 1008.
  AVX_OPTION_EMPTY_FRAGMENTS = 77,
  // WebSocket: offer or accept permessage-deflate (RFC 7692), for avx_websocket_send_compressed. A connection that has
  // compressed holds 160 KiB, one that was sent what is compressed 48 KiB; a message may inflate to 1000 times its
  // length, beyond 1 MiB. 0. AVX_ERROR_ARGUMENT: this library was built without it.
  AVX_OPTION_DEFLATE = 78,
  // Leniency: a lone LF ends a line of a head. 0.
  AVX_OPTION_BARE_LF = 90,
  // Leniency: a server joins folded field lines. 0.
  AVX_OPTION_OBS_FOLD = 91,
  // Leniency: equal repetitions of Content-Length count as one. 0.
  AVX_OPTION_REPEATED_CONTENT_LENGTH = 92,
  // Leniency: Transfer-Encoding overrides a Content-Length beside it. 0.
  AVX_OPTION_TRANSFER_ENCODING_OVER_CONTENT_LENGTH = 93,
  // Leniency: whitespace between a chunk size and its extensions. 0.
  AVX_OPTION_CHUNK_WHITESPACE = 94,
  // Leniency: a client drops whitespace between field name and colon. 0.
  AVX_OPTION_SPACE_BEFORE_COLON = 95,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum avx_option avx_option;
#else
typedef uint32_t avx_option;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Limits and deadlines of connections to be made. Begins with the defaults, all of which are on.
typedef struct avx_config avx_config;

// One end of a connection, whatever it speaks at the moment.
typedef struct avx_connection avx_connection;

// The memory of a thread: what events borrow, and spare buffers of connections. Some 512 KiB at most, plus one head.
typedef struct avx_scratch avx_scratch;

// Bytes, not ended by a NUL. Null only if `len` is 0.
typedef struct avx_bytes {
  // The first one.
  const uint8_t *data;
  // How many.
  size_t len;
} avx_bytes;

// A field line, received or to send.
typedef struct avx_field {
  // Its name; compared without regard to case.
  struct avx_bytes name;
  // Its value, without whitespace around it.
  struct avx_bytes value;
  // To send: 1 keeps the value out of the state of compression (RFC 7541, section 7.1.3), else 0.
  uint32_t sensitive;
} avx_field;

// What is to be done with the transport next.
typedef struct avx_step {
  // What it is.
  avx_step_kind kind;
  // The peer would take part of a message for the whole: SO_LINGER of zero, then close.
  bool reset;
  // To write.
  struct avx_bytes bytes;
  // To read into: lent until avx_did_read, or avx_next, or avx_rest.
  uint8_t *memory;
  // Its length.
  size_t memory_len;
} avx_step;

// What happened. Which members mean something, its kind says; all others are zero.
typedef struct avx_event {
  // What it is.
  avx_event_kind kind;
  // 10, 11 or 20.
  uint32_t version;
  // The exchange it belongs to.
  uint64_t stream;
  // Content to come, bytes; 0 for none, -1 if that is not known.
  int64_t content_length;
  // Status code.
  uint32_t status;
  // Why: an error code of HTTP/2 (RFC 9113, section 7), a close code of WebSocket (RFC 6455, section 7.4).
  uint32_t code;
  // Method of the request.
  struct avx_bytes method;
  // Its target as received.
  struct avx_bytes target;
  // The path in that.
  struct avx_bytes path;
  // The query in that, without the question mark. Null if there is none.
  struct avx_bytes query;
  // The authority addressed.
  struct avx_bytes authority;
  // Reason phrase of the response.
  struct avx_bytes reason;
  // Content, a piece of a message, what a ping carries, or the reason of a close.
  struct avx_bytes data;
  // Field lines, in the order received.
  const struct avx_field *fields;
  // How many.
  size_t fields_len;
  // Trailers left out, because they must not stand there.
  uint32_t dropped;
  // The client waits for 100 (Continue) before it sends the content.
  bool expects_continue;
  // The request is a valid handshake of WebSocket: avx_websocket_reply accepts it.
  bool websocket;
  // The message is a text.
  bool text;
  // It ends with this piece.
  bool last;
  // The peer has reset the exchange.
  bool by_peer;
  // The protocols that the request asks to go on with: the first Upgrade line, or what an extended CONNECT names.
  struct avx_bytes upgrade;
  // The scheme of the request, where it says one.
  struct avx_bytes scheme;
} avx_event;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The version of the library, as "0.1.0". Static.
const char *avx_version(void);

// The version of the ABI. A program was compiled for AVX_ABI_VERSION; where the two differ, stop. It changes with
// whatever a program compiled before could notice, and so does the name of the shared library (libavx.so.0).
uint32_t avx_abi_version(void);

// What a code means, in English, whose fault first. Static, never null.
const char *avx_strerror(int32_t code);

// A configuration with the defaults; free it with avx_config_free.
struct avx_config *avx_config_new(void);

// Frees a configuration. Connections that were made with it keep what they need.
void avx_config_free(struct avx_config *config);

// Sets an option (enum avx_option) for connections made from now on. AVX_ERROR_ARGUMENT: there is no such option, or it
// cannot have this value.
int32_t avx_config_set(struct avx_config *config,
                       uint32_t option,
                       uint64_t value);

// Reads an option (enum avx_option) into `value`. AVX_ERROR_ARGUMENT: there is no such option.
int32_t avx_config_get(const struct avx_config *config, uint32_t option, uint64_t *value);

// The memory of a thread; free it with avx_scratch_free.
struct avx_scratch *avx_scratch_new(void);

// Frees it. Connections that were used with it go on with another one.
void avx_scratch_free(struct avx_scratch *scratch);

// Field lines that every response sent with this scratch carries, unless it has a line of that name itself: Server, and
// Date, to be set anew each second (avx_date). Checked here once, and copied as bytes from then on. Replaces those set
// before; none at first. Allocates.
//
// AVX_ERROR_BAD_FIELD_NAME, AVX_ERROR_BAD_FIELD_VALUE; AVX_ERROR_FRAMING_FIELD: a field that depends on the message.
int32_t avx_preset(struct avx_scratch *scratch,
                   const struct avx_field *fields,
                   size_t fields_len);

// The server's end of a connection accepted at `now`, into `connection`. `version` 0 is HTTP/1.1 or HTTP/2, whichever
// the client begins with; 20 is HTTP/2 alone, as agreed on by ALPN. `config` may be null for the defaults.
int32_t avx_server_new(const struct avx_config *config,
                       uint32_t version,
                       uint64_t now,
                       struct avx_connection **connection);

// The client's end of a connection opened at `now`, into `connection`. `version` is 11 or 20, as agreed on by ALPN or
// known; `secure` says that it is one over TLS, so that requests of HTTP/2 have the scheme https. `config` may be null.
int32_t avx_client_new(const struct avx_config *config,
                       uint32_t version,
                       bool secure,
                       uint64_t now,
                       struct avx_connection **connection);

// The server's end of a WebSocket whose handshake was seen to elsewhere, without compression. Its stream is 0. `config`
// may be null.
int32_t avx_websocket_server_new(const struct avx_config *config,
                                 uint64_t now,
                                 struct avx_connection **connection);

// The client's end of one. `seed` is 32 bytes from the system's source of entropy, for this connection alone: from them
// come the keys that mask what it sends (RFC 6455, section 5.3).
int32_t avx_websocket_client_new(const struct avx_config *config,
                                 uint64_t now,
                                 const uint8_t *seed,
                                 struct avx_connection **connection);

// Frees a connection with all it holds. What was not written is lost.
void avx_connection_free(struct avx_connection *connection);

// What is spoken: 11 for HTTP/1.1, or before it is known; 20 for HTTP/2; 13 for WebSocket, whose version that is; 0 for
// null.
uint32_t avx_protocol(const struct avx_connection *connection);

// Whether no exchange is under way: false for a WebSocket, and for null.
bool avx_is_idle(const struct avx_connection *connection);

// Whether a client may send another request now: false for all others. A connection that is idle and of which this is
// not true is of no more use.
bool avx_is_reusable(const struct avx_connection *connection);

// How the peer broke the protocol, or answered a handshake, with the rule, in English; null if it did not. Static.
const char *avx_peer_error(struct avx_connection *connection);

// The status with which a server answers what the peer has done, 0 if it has done nothing.
uint32_t avx_peer_error_status(struct avx_connection *connection);

// What to do next, into `step`. To be asked when avx_next has no more events. Allocates when the scratch has no spare
// buffer.
int32_t avx_next_step(struct avx_connection *connection,
                      struct avx_scratch *scratch,
                      struct avx_step *step);

// `n` bytes were read into the memory of the last step; 0 is the end of the input. AVX_ERROR_ARGUMENT: that is more than
// was lent.
int32_t avx_did_read(struct avx_connection *connection,
                     uint64_t now,
                     size_t n);

// `n` bytes of those to write were written; 0 when the transport takes none now, from when on the peer's time counts.
// AVX_ERROR_ARGUMENT: there are not so many.
int32_t avx_did_write(struct avx_connection *connection,
                      uint64_t now,
                      size_t n);

// Takes input from elsewhere: copies `len` bytes, instead of a step that reads. All of them are held until avx_next has
// taken them: hand in no more before it has no more events. They must not be bytes of an event. The end of the input is
// avx_did_read with 0, for this as well. A client that sends and receives more at the same time than sockets hold hands
// in what there is to read while a write waits.
int32_t avx_read_from(struct avx_connection *connection,
                      struct avx_scratch *scratch,
                      uint64_t now,
                      const uint8_t *data,
                      size_t len);

// When avx_timed_out is to be called at the latest, if nothing happens before; AVX_NEVER if it need not be.
uint64_t avx_deadline(struct avx_connection *connection);

// Time has passed. Early or repeated calls do nothing.
int32_t avx_timed_out(struct avx_connection *connection, uint64_t now);

// Nothing will be read for now although avx_next was not asked for all events, because what came finds no taker: time
// until then is not the peer's.
int32_t avx_hold(struct avx_connection *connection,
                 uint64_t now);

// Gives buffers that hold nothing back to the scratch: before a wait.
int32_t avx_rest(struct avx_connection *connection, struct avx_scratch *scratch);

// Begins the graceful end: what is in flight completes, nothing new begins, within AVX_OPTION_DRAIN. WebSockets are
// closed with 1001 (Going Away); avx_websocket_close before this says something else. Ask avx_next again behind it.
int32_t avx_shutdown(struct avx_connection *connection,
                     uint64_t now);

// Input that no event has consumed: behind AVX_EVENT_SWITCHED, the first bytes of the next protocol. Valid as an event.
int32_t avx_unread(struct avx_connection *connection,
                   struct avx_bytes *unread);

// Drops `n` of those bytes. AVX_ERROR_WRONG_STATE: they belong to this connection. AVX_ERROR_ARGUMENT: there are not so
// many.
int32_t avx_discard(struct avx_connection *connection,
                    size_t n);

// The field line of that name, the first of several; null if there is none. `name` ends with a NUL.
const struct avx_field *avx_field_named(const struct avx_field *fields,
                                        size_t fields_len,
                                        const char *name);

// Sends a request head, and says on which stream in `stream`. `content_length` is 0 for no content, -1 for a length that
// is not known; content follows with avx_send_data and avx_send_end. `authority` becomes Host, or :authority. Fields that belong to one
// connection (Host, Connection, Transfer-Encoding ...) are not to be passed on from another. `:protocol`, as the first
// field, makes an extended CONNECT over HTTP/2 (RFC 8441).
int32_t avx_send_request(struct avx_connection *connection,
                         struct avx_scratch *scratch,
                         uint64_t now,
                         struct avx_bytes method,
                         struct avx_bytes target,
                         struct avx_bytes authority,
                         const struct avx_field *fields,
                         size_t fields_len,
                         int64_t content_length,
                         uint64_t *stream);

// Sends an interim response: 100, 103, but not 101.
int32_t avx_send_informational(struct avx_connection *connection,
                               struct avx_scratch *scratch,
                               uint64_t now,
                               uint64_t stream,
                               uint32_t status,
                               const struct avx_field *fields,
                               size_t fields_len);

// Sends the final response head. `content_length` as above. `content_follows`, unless it is null, says whether content
// and its end are to follow: they are not where method or status forbid what was announced.
int32_t avx_send_response(struct avx_connection *connection,
                          struct avx_scratch *scratch,
                          uint64_t now,
                          uint64_t stream,
                          uint32_t status,
                          const struct avx_field *fields,
                          size_t fields_len,
                          int64_t content_length,
                          bool *content_follows);

// Sends a whole response: head, content and end. AVX_ERROR_OUTPUT_FULL, AVX_ERROR_NO_CREDIT: it is too large for that,
// now; send the head with avx_send_response, and the content in pieces.
int32_t avx_send_full(struct avx_connection *connection,
                      struct avx_scratch *scratch,
                      uint64_t now,
                      uint64_t stream,
                      uint32_t status,
                      const struct avx_field *fields,
                      size_t fields_len,
                      const uint8_t *content,
                      size_t content_len);

// Sends content, as much as room and credit allow, and says in `taken` how much that was: maybe nothing. What is left
// goes out when something was written, or more credit has come: with avx_wants_write, avx_next_writable says when.
int32_t avx_send_data(struct avx_connection *connection,
                      struct avx_scratch *scratch,
                      uint64_t now,
                      uint64_t stream,
                      const uint8_t *data,
                      size_t len,
                      size_t *taken);

// Ends the message, with trailers where there is a place for them.
int32_t avx_send_end(struct avx_connection *connection,
                     struct avx_scratch *scratch,
                     uint64_t now,
                     uint64_t stream,
                     const struct avx_field *trailers,
                     size_t trailers_len);

// Gives an exchange up, with an error code of HTTP/2 (8 is CANCEL). Over HTTP/1.1 that ends the connection. Does
// nothing where there is no such stream.
int32_t avx_reset(struct avx_connection *connection,
                  uint64_t now,
                  uint64_t stream,
                  uint32_t code);

// Content of so many bytes is used up: the peer may send as much more. More than is held counts as all of it. Ask
// avx_next again behind it, because what was read already may have waited for this.
int32_t avx_release(struct avx_connection *connection,
                    uint64_t stream,
                    size_t len);

// There is no further business with an exchange: what comes of its content is not waited for. Due once behind
// AVX_EVENT_RESET, and for those who do not read content to its end.
int32_t avx_done(struct avx_connection *connection,
                 uint64_t now,
                 uint64_t stream);

// Whether there is content for this stream that waits to be sent.
int32_t avx_wants_write(struct avx_connection *connection, uint64_t stream, bool yes);

// The stream to write next, by priority, among those that want to and have credit; 0 if there is none.
uint64_t avx_next_writable(struct avx_connection *connection);

// The date of so many seconds since 1970 as a Date field has it, 29 bytes into `date`.
int32_t avx_date(uint64_t unix_seconds, uint8_t *date);

// The next event into `event`, which belongs to the scratch; null when there is none before something was read or
// written. Allocates nothing beyond what the header says.
//
// For a server there is none either while less than 16 KiB of room are left in the output (64 KiB), or for a WebSocket
// less than an echo of what was read takes: a head of 16 KiB, or an echo, always finds room while its event is held. A
// client is told of what comes even while its own output waits.
//
// AVX_ERROR_PEER: the peer broke the protocol; AVX_ERROR_HANDSHAKE: it did in answering a handshake. Both stay, and no
// exchange of the connection is told of any more. The answer that is due is written by itself: go on with the steps.
int32_t avx_next(struct avx_connection *connection,
                 struct avx_scratch *scratch,
                 uint64_t now,
                 const struct avx_event **event);

// Answers a request that asks for a WebSocket, once: accepts it if `websocket` was true in its event, and otherwise
// refuses it with the status that is due. `accepted`, unless it is null, says which. `fields` stand beside those of the
// handshake: Sec-WebSocket-Protocol for a subprotocol that was chosen from the request's, say. AVX_EVENT_OPEN follows.
// No origin is checked. Compression is agreed on where AVX_OPTION_DEFLATE allows it.
//
// Over HTTP/1.1 the whole connection becomes a WebSocket, over HTTP/2 this stream (RFC 8441, and only with
// AVX_OPTION_CONNECT_PROTOCOL); what is sent and told of is the same, and `stream` names it for both.
//
// AVX_ERROR_BAD_UPGRADE: the request of `stream` asks for no other protocol, or what a WebSocket sends had begun before
// it was accepted, or it was answered: answer it otherwise.
int32_t avx_websocket_reply(struct avx_connection *connection,
                            struct avx_scratch *scratch,
                            uint64_t now,
                            uint64_t stream,
                            const struct avx_field *fields,
                            size_t fields_len,
                            bool *accepted);

// Asks a server for a WebSocket. `entropy` is 48 bytes from the system's source of it, for this call alone. `protocols`
// is a list of subprotocols, "chat, superchat", or empty; `fields` stand beside those of the handshake. What comes is
// AVX_EVENT_RESPONSE, and AVX_EVENT_OPEN behind it if that accepts: with 101 over HTTP/1.1, whereupon the whole
// connection is a WebSocket, with 200 over HTTP/2, where this stream is one.
//
// AVX_ERROR_PROTOCOL: this is no client. AVX_ERROR_WRONG_STATE: one was asked for before, over HTTP/1.1.
// AVX_ERROR_BAD_UPGRADE: a server of HTTP/2 has not said that it takes such (AVX_EVENT_SETTINGS), or not yet.
int32_t avx_websocket_request(struct avx_connection *connection,
                              struct avx_scratch *scratch,
                              uint64_t now,
                              const uint8_t *entropy,
                              struct avx_bytes target,
                              struct avx_bytes authority,
                              struct avx_bytes protocols,
                              const struct avx_field *fields,
                              size_t fields_len,
                              uint64_t *stream);

// Sends a message on the WebSocket of `stream`, or a piece of one: `last` ends it, and all its pieces are of one kind. That a text is UTF-8 as a
// whole is the caller's to see to. AVX_ERROR_OUTPUT_FULL: write it out, and call again; a piece of 32 KiB always fits
// where nothing waits.
int32_t avx_websocket_send(struct avx_connection *connection,
                           struct avx_scratch *scratch,
                           uint64_t now,
                           uint64_t stream,
                           bool text,
                           const uint8_t *data,
                           size_t len,
                           bool last);

// Sends a message compressed, or begins one that avx_websocket_send goes on with. Where compression was not agreed on,
// and for a few bytes, it is avx_websocket_send. Leave secrets alone: compressed together with what an attacker chooses,
// they are told by their length.
int32_t avx_websocket_send_compressed(struct avx_connection *connection,
                                      struct avx_scratch *scratch,
                                      uint64_t now,
                                      uint64_t stream,
                                      bool text,
                                      const uint8_t *data,
                                      size_t len,
                                      bool last);

// Sends a ping of at most 125 bytes. Pings of the peer are answered by themselves.
int32_t avx_websocket_ping(struct avx_connection *connection,
                           struct avx_scratch *scratch,
                           uint64_t now,
                           uint64_t stream,
                           const uint8_t *data,
                           size_t len);

// Begins to close a WebSocket, with a code (1000 is the normal one, 1005 sends none) and a reason in UTF-8 of at most 123
// bytes. Nothing can be sent behind it. AVX_ERROR_ARGUMENT: the reason is not UTF-8.
int32_t avx_websocket_close(struct avx_connection *connection,
                            struct avx_scratch *scratch,
                            uint64_t now,
                            uint64_t stream,
                            uint32_t code,
                            const uint8_t *reason,
                            size_t reason_len);

// What a code means, in English, whose fault first. Static, never null.
const char *avx_strerror(int32_t code);

// A configuration with the defaults; free it with avx_config_free.
struct avx_config *avx_config_new(void);

// Frees a configuration. Connections that were made with it keep what they need.
void avx_config_free(struct avx_config *config);

// Sets an option (enum avx_option) for connections made from now on. AVX_ERROR_ARGUMENT: there is no such option, or it
// cannot have this value.
int32_t avx_config_set(struct avx_config *config,
                       uint32_t option,
                       uint64_t value);

// Reads an option (enum avx_option) into `value`. AVX_ERROR_ARGUMENT: there is no such option.
int32_t avx_config_get(const struct avx_config *config, uint32_t option, uint64_t *value);

// The memory of a thread; free it with avx_scratch_free.
struct avx_scratch *avx_scratch_new(void);

// Frees it. Connections that were used with it go on with another one.
void avx_scratch_free(struct avx_scratch *scratch);

// Field lines that every response sent with this scratch carries, unless it has a line of that name itself: Server, and
// Date, to be set anew each second (avx_date). Checked here once, and copied as bytes from then on. Replaces those set
// before; none at first. Allocates.
//
// AVX_ERROR_BAD_FIELD_NAME, AVX_ERROR_BAD_FIELD_VALUE; AVX_ERROR_FRAMING_FIELD: a field that depends on the message.
int32_t avx_preset(struct avx_scratch *scratch,
                   const struct avx_field *fields,
                   size_t fields_len);

// The server's end of a connection accepted at `now`, into `connection`. `version` 0 is HTTP/1.1 or HTTP/2, whichever
// the client begins with; 20 is HTTP/2 alone, as agreed on by ALPN. `config` may be null for the defaults.
int32_t avx_server_new(const struct avx_config *config,
                       uint32_t version,
                       uint64_t now,
                       struct avx_connection **connection);

// The client's end of a connection opened at `now`, into `connection`. `version` is 11 or 20, as agreed on by ALPN or
// known; `secure` says that it is one over TLS, so that requests of HTTP/2 have the scheme https. `config` may be null.
int32_t avx_client_new(const struct avx_config *config,
                       uint32_t version,
                       bool secure,
                       uint64_t now,
                       struct avx_connection **connection);

// The server's end of a WebSocket whose handshake was seen to elsewhere, without compression. Its stream is 0. `config`
// may be null.
int32_t avx_websocket_server_new(const struct avx_config *config,
                                 uint64_t now,
                                 struct avx_connection **connection);

// The client's end of one. `seed` is 32 bytes from the system's source of entropy, for this connection alone: from them
// come the keys that mask what it sends (RFC 6455, section 5.3).
int32_t avx_websocket_client_new(const struct avx_config *config,
                                 uint64_t now,
                                 const uint8_t *seed,
                                 struct avx_connection **connection);

// Frees a connection with all it holds. What was not written is lost.
void avx_connection_free(struct avx_connection *connection);

// What is spoken: 11 for HTTP/1.1, or before it is known; 20 for HTTP/2; 13 for WebSocket, whose version that is; 0 for
// null.
uint32_t avx_protocol(const struct avx_connection *connection);

// Whether no exchange is under way: false for a WebSocket, and for null.
bool avx_is_idle(const struct avx_connection *connection);

// Whether a client may send another request now: false for all others. A connection that is idle and of which this is
// not true is of no more use.
bool avx_is_reusable(const struct avx_connection *connection);

// How the peer broke the protocol, or answered a handshake, with the rule, in English; null if it did not. Static.
const char *avx_peer_error(struct avx_connection *connection);

// The status with which a server answers what the peer has done, 0 if it has done nothing.
uint32_t avx_peer_error_status(struct avx_connection *connection);

// The field line of that name, the first of several; null if there is none. `name` ends with a NUL.
const struct avx_field *avx_field_named(const struct avx_field *fields,
                                        size_t fields_len,
                                        const char *name);

// The next event into `event`, which belongs to the scratch; null when there is none before something was read or
// written. Allocates nothing beyond what the header says.
//
// For a server there is none either while less than 16 KiB of room are left in the output (64 KiB), or for a WebSocket
// less than an echo of what was read takes: a head of 16 KiB, or an echo, always finds room while its event is held. A
// client is told of what comes even while its own output waits.
//
// AVX_ERROR_PEER: the peer broke the protocol; AVX_ERROR_HANDSHAKE: it did in answering a handshake. Both stay, and no
// exchange of the connection is told of any more. The answer that is due is written by itself: go on with the steps.
int32_t avx_next(struct avx_connection *connection,
                 struct avx_scratch *scratch,
                 uint64_t now,
                 const struct avx_event **event);

// What to do next, into `step`. To be asked when avx_next has no more events. Allocates when the scratch has no spare
// buffer.
int32_t avx_next_step(struct avx_connection *connection,
                      struct avx_scratch *scratch,
                      struct avx_step *step);

// `n` bytes were read into the memory of the last step; 0 is the end of the input. AVX_ERROR_ARGUMENT: that is more than
// was lent.
int32_t avx_did_read(struct avx_connection *connection,
                     uint64_t now,
                     size_t n);

// `n` bytes of those to write were written; 0 when the transport takes none now, from when on the peer's time counts.
// AVX_ERROR_ARGUMENT: there are not so many.
int32_t avx_did_write(struct avx_connection *connection,
                      uint64_t now,
                      size_t n);

// Takes input from elsewhere: copies `len` bytes, instead of a step that reads. All of them are held until avx_next has
// taken them: hand in no more before it has no more events. They must not be bytes of an event. The end of the input is
// avx_did_read with 0, for this as well. A client that sends and receives more at the same time than sockets hold hands
// in what there is to read while a write waits.
int32_t avx_read_from(struct avx_connection *connection,
                      struct avx_scratch *scratch,
                      uint64_t now,
                      const uint8_t *data,
                      size_t len);

// When avx_timed_out is to be called at the latest, if nothing happens before; AVX_NEVER if it need not be.
uint64_t avx_deadline(struct avx_connection *connection);

// Time has passed. Early or repeated calls do nothing.
int32_t avx_timed_out(struct avx_connection *connection, uint64_t now);

// Nothing will be read for now although avx_next was not asked for all events, because what came finds no taker: time
// until then is not the peer's.
int32_t avx_hold(struct avx_connection *connection,
                 uint64_t now);

// Gives buffers that hold nothing back to the scratch: before a wait.
int32_t avx_rest(struct avx_connection *connection, struct avx_scratch *scratch);

// Begins the graceful end: what is in flight completes, nothing new begins, within AVX_OPTION_DRAIN. WebSockets are
// closed with 1001 (Going Away); avx_websocket_close before this says something else. Ask avx_next again behind it.
int32_t avx_shutdown(struct avx_connection *connection,
                     uint64_t now);

// Input that no event has consumed: behind AVX_EVENT_SWITCHED, the first bytes of the next protocol. Valid as an event.
int32_t avx_unread(struct avx_connection *connection,
                   struct avx_bytes *unread);

// Drops `n` of those bytes. AVX_ERROR_WRONG_STATE: they belong to this connection. AVX_ERROR_ARGUMENT: there are not so
// many.
int32_t avx_discard(struct avx_connection *connection,
                    size_t n);

// Sends a request head, and says on which stream in `stream`. `content_length` is 0 for no content, -1 for a length that
// is not known; content follows with avx_send_data and avx_send_end. `authority` becomes Host, or :authority. Fields that belong to one
// connection (Host, Connection, Transfer-Encoding ...) are not to be passed on from another. `:protocol`, as the first
// field, makes an extended CONNECT over HTTP/2 (RFC 8441).
int32_t avx_send_request(struct avx_connection *connection,
                         struct avx_scratch *scratch,
                         uint64_t now,
                         struct avx_bytes method,
                         struct avx_bytes target,
                         struct avx_bytes authority,
                         const struct avx_field *fields,
                         size_t fields_len,
                         int64_t content_length,
                         uint64_t *stream);

// Sends an interim response: 100, 103, but not 101.
int32_t avx_send_informational(struct avx_connection *connection,
                               struct avx_scratch *scratch,
                               uint64_t now,
                               uint64_t stream,
                               uint32_t status,
                               const struct avx_field *fields,
                               size_t fields_len);

// Sends the final response head. `content_length` as above. `content_follows`, unless it is null, says whether content
// and its end are to follow: they are not where method or status forbid what was announced.
int32_t avx_send_response(struct avx_connection *connection,
                          struct avx_scratch *scratch,
                          uint64_t now,
                          uint64_t stream,
                          uint32_t status,
                          const struct avx_field *fields,
                          size_t fields_len,
                          int64_t content_length,
                          bool *content_follows);

// Sends a whole response: head, content and end. AVX_ERROR_OUTPUT_FULL, AVX_ERROR_NO_CREDIT: it is too large for that,
// now; send the head with avx_send_response, and the content in pieces.
int32_t avx_send_full(struct avx_connection *connection,
                      struct avx_scratch *scratch,
                      uint64_t now,
                      uint64_t stream,
                      uint32_t status,
                      const struct avx_field *fields,
                      size_t fields_len,
                      const uint8_t *content,
                      size_t content_len);

// Sends content, as much as room and credit allow, and says in `taken` how much that was: maybe nothing. What is left
// goes out when something was written, or more credit has come: with avx_wants_write, avx_next_writable says when.
int32_t avx_send_data(struct avx_connection *connection,
                      struct avx_scratch *scratch,
                      uint64_t now,
                      uint64_t stream,
                      const uint8_t *data,
                      size_t len,
                      size_t *taken);

// Ends the message, with trailers where there is a place for them.
int32_t avx_send_end(struct avx_connection *connection,
                     struct avx_scratch *scratch,
                     uint64_t now,
                     uint64_t stream,
                     const struct avx_field *trailers,
                     size_t trailers_len);

// Gives an exchange up, with an error code of HTTP/2 (8 is CANCEL). Over HTTP/1.1 that ends the connection. Does
// nothing where there is no such stream.
int32_t avx_reset(struct avx_connection *connection,
                  uint64_t now,
                  uint64_t stream,
                  uint32_t code);

// Content of so many bytes is used up: the peer may send as much more. More than is held counts as all of it. Ask
// avx_next again behind it, because what was read already may have waited for this.
int32_t avx_release(struct avx_connection *connection,
                    uint64_t stream,
                    size_t len);

// There is no further business with an exchange: what comes of its content is not waited for. Due once behind
// AVX_EVENT_RESET, and for those who do not read content to its end.
int32_t avx_done(struct avx_connection *connection,
                 uint64_t now,
                 uint64_t stream);

// Whether there is content for this stream that waits to be sent.
int32_t avx_wants_write(struct avx_connection *connection, uint64_t stream, bool yes);

// The stream to write next, by priority, among those that want to and have credit; 0 if there is none.
uint64_t avx_next_writable(struct avx_connection *connection);

// The date of so many seconds since 1970 as a Date field has it, 29 bytes into `date`.
int32_t avx_date(uint64_t unix_seconds, uint8_t *date);

// Answers a request that asks for a WebSocket, once: accepts it if `websocket` was true in its event, and otherwise
// refuses it with the status that is due. `accepted`, unless it is null, says which. `fields` stand beside those of the
// handshake: Sec-WebSocket-Protocol for a subprotocol that was chosen from the request's, say. AVX_EVENT_OPEN follows.
// No origin is checked. Compression is agreed on where AVX_OPTION_DEFLATE allows it.
//
// Over HTTP/1.1 the whole connection becomes a WebSocket, over HTTP/2 this stream (RFC 8441, and only with
// AVX_OPTION_CONNECT_PROTOCOL); what is sent and told of is the same, and `stream` names it for both.
//
// AVX_ERROR_BAD_UPGRADE: the request of `stream` asks for no other protocol, or what a WebSocket sends had begun before
// it was accepted, or it was answered: answer it otherwise.
int32_t avx_websocket_reply(struct avx_connection *connection,
                            struct avx_scratch *scratch,
                            uint64_t now,
                            uint64_t stream,
                            const struct avx_field *fields,
                            size_t fields_len,
                            bool *accepted);

// Asks a server for a WebSocket. `entropy` is 48 bytes from the system's source of it, for this call alone. `protocols`
// is a list of subprotocols, "chat, superchat", or empty; `fields` stand beside those of the handshake. What comes is
// AVX_EVENT_RESPONSE, and AVX_EVENT_OPEN behind it if that accepts: with 101 over HTTP/1.1, whereupon the whole
// connection is a WebSocket, with 200 over HTTP/2, where this stream is one.
//
// AVX_ERROR_PROTOCOL: this is no client. AVX_ERROR_WRONG_STATE: one was asked for before, over HTTP/1.1.
// AVX_ERROR_BAD_UPGRADE: a server of HTTP/2 has not said that it takes such (AVX_EVENT_SETTINGS), or not yet.
int32_t avx_websocket_request(struct avx_connection *connection,
                              struct avx_scratch *scratch,
                              uint64_t now,
                              const uint8_t *entropy,
                              struct avx_bytes target,
                              struct avx_bytes authority,
                              struct avx_bytes protocols,
                              const struct avx_field *fields,
                              size_t fields_len,
                              uint64_t *stream);

// Sends a message on the WebSocket of `stream`, or a piece of one: `last` ends it, and all its pieces are of one kind. That a text is UTF-8 as a
// whole is the caller's to see to. AVX_ERROR_OUTPUT_FULL: write it out, and call again; a piece of 32 KiB always fits
// where nothing waits.
int32_t avx_websocket_send(struct avx_connection *connection,
                           struct avx_scratch *scratch,
                           uint64_t now,
                           uint64_t stream,
                           bool text,
                           const uint8_t *data,
                           size_t len,
                           bool last);

// Sends a message compressed, or begins one that avx_websocket_send goes on with. Where compression was not agreed on,
// and for a few bytes, it is avx_websocket_send. Leave secrets alone: compressed together with what an attacker chooses,
// they are told by their length.
int32_t avx_websocket_send_compressed(struct avx_connection *connection,
                                      struct avx_scratch *scratch,
                                      uint64_t now,
                                      uint64_t stream,
                                      bool text,
                                      const uint8_t *data,
                                      size_t len,
                                      bool last);

// Sends a ping of at most 125 bytes. Pings of the peer are answered by themselves.
int32_t avx_websocket_ping(struct avx_connection *connection,
                           struct avx_scratch *scratch,
                           uint64_t now,
                           uint64_t stream,
                           const uint8_t *data,
                           size_t len);

// Begins to close a WebSocket, with a code (1000 is the normal one, 1005 sends none) and a reason in UTF-8 of at most 123
// bytes. Nothing can be sent behind it. AVX_ERROR_ARGUMENT: the reason is not UTF-8.
int32_t avx_websocket_close(struct avx_connection *connection,
                            struct avx_scratch *scratch,
                            uint64_t now,
                            uint64_t stream,
                            uint32_t code,
                            const uint8_t *reason,
                            size_t reason_len);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* AVX_H */

#ifndef AVX_TEXT
#define AVX_TEXT

// Text of C as bytes, without its NUL.
static inline avx_bytes avx_text(const char *text) {
  avx_bytes bytes;
  bytes.data = (const uint8_t *)text;
  bytes.len = text ? strlen(text) : 0;
  return bytes;
}

// Whether bytes are this text.
static inline bool avx_is(avx_bytes bytes, const char *text) {
  return bytes.len == strlen(text) && (bytes.len == 0 || memcmp(bytes.data, text, bytes.len) == 0);
}

// A field line of two texts.
static inline avx_field avx_line(const char *name, const char *value) {
  avx_field field;
  field.name = avx_text(name);
  field.value = avx_text(value);
  field.sensitive = 0;
  return field;
}

#endif  // AVX_TEXT
