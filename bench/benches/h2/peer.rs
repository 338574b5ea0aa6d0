//! Both ends of the `h2` crate on one thread of tokio.

use crate::{BULK, CONTENT, REQUESTS, WINDOW};
use bytes::Bytes;
use h2::client::SendRequest;
use http::header::HeaderValue;
use tokio::runtime::Runtime;

pub struct Pipe {
    runtime: Runtime,
    client: SendRequest<Bytes>,
}

impl Pipe {
    pub fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let client = runtime.block_on(async {
            let (near, far) = tokio::io::duplex(64 << 10);
            tokio::spawn(async move {
                let mut builder = h2::server::Builder::new();
                builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
                let mut connection = builder
                    .max_concurrent_streams(10_000)
                    .handshake::<_, Bytes>(far)
                    .await
                    .expect("handshake");
                while let Some(Ok((request, respond))) = connection.accept().await {
                    answer(request, respond);
                }
            });
            let mut builder = h2::client::Builder::new();
            builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
            let (client, connection) = builder.handshake(near).await.expect("handshake");
            tokio::spawn(connection);
            client
        });
        Pipe { runtime, client }
    }

    pub fn get(&mut self) {
        let client = self.client.clone();
        self.runtime.block_on(async move {
            let mut client = client.ready().await.expect("ready");
            let mut responses = Vec::with_capacity(REQUESTS);
            for _ in 0..REQUESTS {
                responses.push(client.send_request(request("/plaintext"), true).expect("sent").0);
            }
            for response in responses {
                read(response).await;
            }
        });
    }

    pub fn bulk(&mut self) {
        let client = self.client.clone();
        self.runtime.block_on(async move {
            let mut client = client.ready().await.expect("ready");
            let response = client.send_request(request("/bulk"), true).expect("sent").0;
            assert_eq!(read(response).await, BULK);
        });
    }
}

impl Pipe {
    pub fn upload(&mut self) {
        let client = self.client.clone();
        self.runtime.block_on(async move {
            let mut client = client.ready().await.expect("ready");
            let mut request = request("/plaintext");
            *request.method_mut() = http::Method::POST;
            let (response, stream) = client.send_request(request, false).expect("sent");
            send(stream).await;
            read(response).await;
        });
    }
}

fn request(path: &'static str) -> http::Request<()> {
    let builder = http::Request::builder().uri(format!("http://127.0.0.1:8080{path}"));
    let fields = builder
        .header("user-agent", HeaderValue::from_static("bench/1.0"))
        .header("accept", HeaderValue::from_static("*/*"))
        .header("accept-encoding", HeaderValue::from_static("gzip, br"));
    fields.body(()).expect("valid")
}

fn answer(request: http::Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let bulk = request.uri().path() == "/bulk";
    let body = request.into_body();
    let mut respond = move || {
        let response = http::Response::builder()
            .header("server", HeaderValue::from_static("bench"))
            .header("date", HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"))
            .header("content-type", HeaderValue::from_static("text/plain"))
            .header("content-length", if bulk { BULK } else { CONTENT.len() })
            .body(())
            .expect("valid");
        respond.send_response(response, false).expect("sent")
    };
    if bulk {
        tokio::spawn(send(respond()));
    } else if body.is_end_stream() {
        respond().send_data(Bytes::from_static(CONTENT), true).expect("sent");
    } else {
        tokio::spawn(async move {
            assert_eq!(take(body).await, BULK);
            respond().send_data(Bytes::from_static(CONTENT), true).expect("sent");
        });
    }
}

/// Sends as much as there is credit for, until all is sent.
async fn send(mut stream: h2::SendStream<Bytes>) {
    let piece = Bytes::from(vec![b'x'; 64 << 10]);
    let mut left = BULK;
    while left > 0 {
        stream.reserve_capacity(piece.len().min(left));
        let Some(Ok(credit)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else { return };
        let n = credit.min(piece.len()).min(left);
        left -= n;
        stream.send_data(piece.slice(..n), left == 0).expect("sent");
    }
}

async fn take(mut body: h2::RecvStream) -> usize {
    let mut len = 0;
    while let Some(data) = body.data().await {
        let data = data.expect("content");
        len += data.len();
        body.flow_control().release_capacity(data.len()).expect("held");
    }
    len
}

async fn read(response: h2::client::ResponseFuture) -> usize {
    let response = response.await.expect("a response");
    assert_eq!(response.status(), 200);
    take(response.into_body()).await
}
