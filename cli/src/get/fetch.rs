//! Connecting, asking, following redirects, reading the answer.

use super::Args;
use super::failure::{self, Failure};
use super::output::Output;
use super::request::Plan;
use super::upload::Failed;
use super::url::Url;
use crate::first;
use avx_core::{BodyLen, Method, PeerError, Status};
use avx_http::client::{Connection, Error, Options, Request, Response};
use avx_http::{Address, Body, Config, Peer};
use runtime_avx::Handle;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

/// Redirects that are followed.
const REDIRECTS: u32 = 10;
/// What the engine bounds by itself is bounded by the user here, with --max-time.
const PATIENCE: Duration = Duration::from_secs(300);

/// Asks and prints, in the time allowed.
pub(super) fn run(args: &Args) -> Result<(), Failure> {
    let url = Url::parse(&args.url)?;
    let output = Output::new(args, &url)?;
    let plan = Plan::new(args)?;
    let runtime = runtime_avx::Builder::current_thread().build().map_err(|error| {
        Failure::new(failure::CONNECT, format_args!("the runtime could not start: {error}"))
    })?;
    let fetch = Fetch {
        handle: runtime.handle().clone(),
        unix: args.unix_socket.clone(),
        follow: args.location,
        fail: args.fail,
        keeps_method: args.method.is_some(),
        output,
    };
    let result = runtime.block_on(async {
        match args.max_time {
            None => fetch.run(url, plan).await,
            Some(time) => {
                let late = async {
                    runtime_avx::sleep(time).await;
                    Err(Failure::new(
                        failure::TIME,
                        format_args!("not complete after {} s", time.as_secs_f64()),
                    ))
                };
                first(fetch.run(url, plan), late).await
            }
        }
    });
    // A look-up or a read that still blocks is not waited for.
    runtime.shutdown_timeout(Duration::ZERO);
    result
}

struct Fetch {
    handle: Handle,
    unix: Option<PathBuf>,
    follow: bool,
    fail: bool,
    keeps_method: bool,
    output: Output,
}

impl Fetch {
    async fn run(mut self, mut url: Url, mut plan: Plan) -> Result<(), Failure> {
        for _ in 0..=REDIRECTS {
            match self.ask(&url, &mut plan).await? {
                None => return Ok(()),
                Some(location) => {
                    let next = url.join(&location)?;
                    self.output.note(format_args!("redirected to {next}"));
                    if next.authority != url.authority {
                        plan.leave();
                    }
                    url = next;
                }
            }
        }
        Err(Failure::new(failure::REDIRECTS, format_args!("more than {REDIRECTS} redirects")))
    }

    /// One request and its answer. Where to ask next, if it is a redirect to follow.
    async fn ask(&mut self, url: &Url, plan: &mut Plan) -> Result<Option<String>, Failure> {
        let connection = self.connect(url).await?;
        let failed = Failed::default();
        let body = match &mut plan.upload {
            Some(upload) => upload
                .lend()
                .ok_or_else(|| Failure::new(failure::SEND, "what was read to be sent cannot be sent twice"))?
                .into_body(&self.handle, &failed),
            None => Body::empty(),
        };
        let authority = plan.host.as_deref().unwrap_or(&url.authority);
        self.show_request(url, plan, authority, body.len());
        let method = Method::from_token(plan.method.as_bytes());
        let interim = Interim::default();
        let mut request = Request::new(method, url.target.as_str())
            .authority(authority)
            .with_body(body)
            .on_informational(interim.hook());
        for (name, value) in &plan.fields {
            request = request.field(name.clone(), value.clone());
        }
        let unreadable = |failed: &Failed| {
            failed.take().map(|e| Failure::new(failure::READ, format_args!("cannot read what to send: {e}")))
        };
        let response = interim.show(connection.send(request), &mut self.output).await?;
        let mut response = match response {
            Ok(response) => response,
            Err(error) => return Err(unreadable(&failed).unwrap_or_else(|| unanswered(url, &error))),
        };
        self.output.head(response.raw(), response.fields())?;
        let status = response.status();
        if let Some(location) = self.redirect(status, &response) {
            plan.redirected(status, self.keeps_method);
            return Ok(Some(location));
        }
        if self.fail && status.code() >= 400 {
            return Err(Failure::new(failure::STATUS, format_args!("the server answered {status}")));
        }
        if status == Status::SWITCHING_PROTOCOLS {
            self.output.note("the server switched protocols; nothing further is read");
            return Ok(None);
        }
        self.output.begin(match response.body_len() {
            BodyLen::Exact(n) => Some(n),
            _ => None,
        });
        let body = response.body();
        while let Some(piece) = body.data().await {
            match piece {
                Ok(piece) => self.output.content(&piece)?,
                Err(error) => {
                    self.output.flush()?;
                    return Err(unreadable(&failed).unwrap_or_else(|| Failure::content(error)));
                }
            }
        }
        self.output.end(body.trailers())?;
        Ok(None)
    }

    async fn connect(&self, url: &Url) -> Result<Connection, Failure> {
        let address = match (&self.unix, url.host.parse::<IpAddr>()) {
            (Some(path), _) => Address::Unix(path.clone()),
            (None, Ok(ip)) => (ip, url.port).into(),
            (None, Err(_)) => Address::Host(format!("{}:{}", url.host, url.port)),
        };
        let mut config = Config::default();
        config.timeouts.head = PATIENCE;
        config.timeouts.write_stall = PATIENCE;
        let mut options = Options::default();
        options.config = config;
        let connection = Connection::connect(&self.handle, address.clone(), &options)
            .await
            .map_err(|error| unanswered(url, &error))?;
        match connection.peer() {
            Peer::Inet(addr) => self.output.note(format_args!("connected to {addr}")),
            Peer::Unix => self.output.note(format_args!("connected to {address}")),
        }
        Ok(connection)
    }

    /// The head that is about to be sent, as the engine writes it.
    fn show_request(&self, url: &Url, plan: &Plan, authority: &str, len: BodyLen) {
        let output = &self.output;
        output.sent(format_args!("{} {} HTTP/1.1", plan.method, url.target));
        output.sent(format_args!("Host: {authority}"));
        for (name, value) in &plan.fields {
            output.sent(format_args!("{name}: {value}"));
        }
        match len {
            BodyLen::Exact(n) => output.sent(format_args!("Content-Length: {n}")),
            BodyLen::Streaming => output.sent("Transfer-Encoding: chunked"),
            BodyLen::Empty if ["POST", "PUT", "PATCH"].contains(&&*plan.method) => {
                output.sent("Content-Length: 0")
            }
            BodyLen::Empty => {}
        }
        output.sent("");
    }

    fn redirect(&self, status: Status, response: &Response) -> Option<String> {
        let redirects = self.follow && matches!(status.code(), 301 | 302 | 303 | 307 | 308);
        let location = response.field("location").filter(|_| redirects)?;
        Some(String::from_utf8_lossy(location).into_owned())
    }
}

/// Why there is no head of an answer.
fn unanswered(url: &Url, error: &Error) -> Failure {
    let (host, authority) = (&url.host, &url.authority);
    match error {
        Error::Resolve(error) => {
            Failure::new(failure::RESOLVE, format_args!("could not resolve {host}: {error}"))
        }
        Error::Connect(error) => {
            Failure::new(failure::CONNECT, format_args!("could not connect to {authority}: {error}"))
        }
        Error::ConnectTimedOut => {
            Failure::new(failure::TIME, format_args!("could not connect to {authority} in time"))
        }
        Error::TimedOut | Error::Peer(PeerError::HeadTimeout | PeerError::WriteStalled) => {
            Failure::new(failure::TIME, "no answer in time")
        }
        Error::Closed | Error::Unsent(None) => {
            Failure::new(failure::EMPTY, format_args!("{authority} closed without an answer"))
        }
        Error::Peer(PeerError::UnexpectedEof) => {
            Failure::new(failure::RECEIVE, "the connection ended inside the head of the answer")
        }
        Error::Peer(error) => {
            Failure::new(failure::PROTOCOL, format_args!("not an answer in HTTP/1.1: {error}"))
        }
        Error::Request(error) => {
            Failure::new(failure::USAGE, format_args!("the request cannot be sent: {error}"))
        }
        Error::Body(error) => {
            Failure::new(failure::SEND, format_args!("the content could not be sent: {error}"))
        }
        error => {
            Failure::new(failure::RECEIVE, format_args!("the connection to {authority} failed: {error}"))
        }
    }
}

/// Interim responses on their way from the connection to the output.
#[derive(Clone, Default)]
struct Interim(Arc<Mutex<Arrived>>);

#[derive(Default)]
struct Arrived {
    responses: VecDeque<Response>,
    waker: Option<Waker>,
}

impl Interim {
    fn lock(&self) -> MutexGuard<'_, Arrived> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hook(&self) -> impl FnMut(Response) + Send + 'static {
        let this = self.clone();
        move |response| {
            let mut arrived = this.lock();
            arrived.responses.push_back(response);
            let waker = arrived.waker.take();
            drop(arrived);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// Waits for `answer`, and shows each interim response as it arrives.
    async fn show<T>(&self, answer: impl Future<Output = T>, output: &mut Output) -> Result<T, Failure> {
        let mut answer = pin!(answer);
        poll_fn(|cx| {
            let answered = answer.as_mut().poll(cx);
            let mut arrived = self.lock();
            while let Some(response) = arrived.responses.pop_front() {
                if let Err(failure) = output.head(response.raw(), response.fields()) {
                    return Poll::Ready(Err(failure));
                }
            }
            arrived.waker = Some(cx.waker().clone());
            answered.map(Ok)
        })
        .await
    }
}
