//! Asking, following redirects, reading the answers.

use super::Args;
use super::connect::{Connections, unanswered};
use super::failure::{self, Failure};
use super::interim::Interim;
use super::output::Output;
use super::pushed::{self, Pushed};
use super::request::Plan;
use super::upload::Failed;
use crate::first;
use crate::url::Url;
use avx_core::{BodyLen, Method, Status};
use avx_http::Body;
use avx_http::client::{Error, Request, Response};
use runtime_avx::Handle;
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// Redirects that are followed.
const REDIRECTS: u32 = 10;

/// Asks and prints, in the time allowed. Failures are told to `report`; the exit code is that of the last.
pub(super) fn run(args: &Args, report: &dyn Fn(&Failure)) -> u8 {
    match all(args, report) {
        Ok(code) => code,
        Err(failure) => {
            report(&failure);
            failure.code
        }
    }
}

fn all(args: &Args, report: &dyn Fn(&Failure)) -> Result<u8, Failure> {
    let mut plan = Plan::new(args)?;
    let mut jobs = VecDeque::new();
    let several = args.urls.len() > 1;
    if several && args.output.is_some() {
        return Err(Failure::new(failure::USAGE, "-o takes one URL; -O names a file for each of several"));
    }
    for url in &args.urls {
        let url = Url::parse(url)?;
        let output = Output::new(args, &url)?;
        let plan = plan.again().ok_or_else(sent_twice)?;
        jobs.push_back(Job { url, plan, output, redirects: 0, again: false });
    }
    let runtime = runtime_avx::Builder::current_thread().build().map_err(|error| {
        Failure::new(failure::CONNECT, format_args!("the runtime could not start: {error}"))
    })?;
    let handle = runtime.handle().clone();
    let mut fetch = Fetch {
        connections: Connections::new(args, &handle, several),
        handle,
        follow: args.location,
        fail: args.fail,
        push: args.push,
        keeps_method: args.method.is_some(),
    };
    let result = runtime.block_on(async {
        match args.max_time {
            None => fetch.all(jobs, several, report).await,
            Some(time) => {
                let late = async {
                    runtime_avx::sleep(time).await;
                    Err(Failure::new(
                        failure::TIME,
                        format_args!("not complete after {} s", time.as_secs_f64()),
                    ))
                };
                first(fetch.all(jobs, several, report), late).await
            }
        }
    });
    // A look-up or a read that still blocks is not waited for.
    runtime.shutdown_timeout(Duration::ZERO);
    result
}

struct Fetch {
    handle: Handle,
    connections: Connections,
    follow: bool,
    fail: bool,
    push: bool,
    keeps_method: bool,
}

/// What is asked for, and where the answer goes.
struct Job {
    url: Url,
    plan: Plan,
    output: Output,
    redirects: u32,
    /// It is asked for the second time, because the first one was not processed.
    again: bool,
}

/// A request under way.
struct Asked {
    interim: Interim,
    pushed: Pushed,
    /// What was to be sent could not be read.
    failed: Failed,
    answer: Pin<Box<dyn Future<Output = Result<Response, Error>>>>,
    /// Others used the connection before.
    shared: bool,
}

impl Fetch {
    /// Asks for everything, several at once where the connection allows, and prints in order.
    async fn all(
        &mut self,
        mut jobs: VecDeque<Job>,
        several: bool,
        report: &dyn Fn(&Failure),
    ) -> Result<u8, Failure> {
        let mut asked = VecDeque::new();
        let mut code = 0;
        loop {
            while asked.len() < self.connections.at_once() {
                let Some(mut job) = jobs.pop_front() else { break };
                let begun = self.ask(&mut job).await;
                asked.push_back((job, begun));
            }
            let Some((mut job, begun)) = asked.pop_front() else { return Ok(code) };
            let result = match begun {
                Ok(begun) => self.finish(&mut job, begun).await,
                Err(failure) => Err(failure),
            };
            if let Err(failure) = result {
                let failure = if several { failure.about(&job.url) } else { failure };
                if failure.broken_pipe {
                    return Err(failure);
                }
                report(&failure);
                code = failure.code;
            }
        }
    }

    /// Sends a request.
    async fn ask(&mut self, job: &mut Job) -> Result<Asked, Failure> {
        let Job { url, plan, output, .. } = job;
        let (connection, shared) = self.connections.to(url, output).await?;
        let failed = Failed::default();
        let body = match &mut plan.upload {
            Some(upload) => upload.lend().ok_or_else(sent_twice)?.into_body(&self.handle, &failed),
            None => Body::empty(),
        };
        let authority = plan.host.as_deref().unwrap_or(&url.authority);
        output.request(plan, url, authority, body.len(), self.connections.is_http2());
        let (interim, pushed) = (Interim::default(), Pushed::default());
        let mut request = Request::new(Method::from_token(plan.method.as_bytes()), url.target.as_str())
            .authority(authority)
            .with_body(body)
            .on_informational(interim.hook());
        if self.push {
            request = request.on_push(pushed.hook());
        }
        for (name, value) in &plan.fields {
            request = request.field(name.clone(), value.clone());
        }
        let mut answer = Box::pin(async move { connection.send(request).await });
        // From the first poll on it is under way, whoever waits for it.
        let early = poll_fn(|cx| match answer.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => Poll::Ready(None),
        });
        let early = early.await;
        let answer = Box::pin(async move {
            match early {
                Some(answer) => answer,
                None => answer.await,
            }
        });
        Ok(Asked { interim, pushed, failed, answer, shared })
    }

    /// Waits for the answer and prints it; follows redirects.
    async fn finish(&mut self, job: &mut Job, mut asked: Asked) -> Result<(), Failure> {
        loop {
            let answer = asked.interim.show(&mut asked.answer, &mut job.output).await?;
            let response = match answer {
                Ok(response) => response,
                // "clients MAY automatically retry them" (RFC 9113, section 8.7)
                Err(error) if asked.shared && error.is_unprocessed() && !job.again => {
                    job.again = true;
                    job.output.note(format_args!("{error}; asking again on another connection"));
                    asked = self.ask(job).await?;
                    continue;
                }
                Err(error) => {
                    let http2 = self.connections.is_http2();
                    return Err(asked.unreadable().unwrap_or_else(|| unanswered(&job.url, &error, http2)));
                }
            };
            let location = self.print(job, response, &asked, self.follow).await?;
            self.print_pushed(job, &asked).await?;
            let Some(location) = location else { return Ok(()) };
            if job.redirects == REDIRECTS {
                return Err(Failure::new(
                    failure::REDIRECTS,
                    format_args!("more than {REDIRECTS} redirects"),
                ));
            }
            let next = job.url.join(&location)?;
            job.output.note(format_args!("redirected to {next}"));
            if next.authority != job.url.authority {
                job.plan.leave();
            }
            (job.url, job.redirects, job.again) = (next, job.redirects + 1, false);
            asked = self.ask(job).await?;
        }
    }

    /// Prints an answer. Where to ask next, if it is a redirect to follow.
    async fn print(
        &self,
        job: &mut Job,
        mut response: Response,
        asked: &Asked,
        follow: bool,
    ) -> Result<Option<String>, Failure> {
        let output = &mut job.output;
        output.head(&response)?;
        let status = response.status();
        if let Some(location) = redirect(&response).filter(|_| follow) {
            job.plan.redirected(status, self.keeps_method);
            return Ok(Some(location));
        }
        if self.fail && status.code() >= 400 {
            return Err(Failure::new(failure::STATUS, format_args!("the server answered {status}")));
        }
        if status == Status::SWITCHING_PROTOCOLS {
            output.note("the server switched protocols; nothing further is read");
            return Ok(None);
        }
        output.begin(match response.body_len() {
            BodyLen::Exact(n) => Some(n),
            _ => None,
        });
        let body = response.body();
        while let Some(piece) = body.data().await {
            match piece {
                Ok(piece) => output.content(&piece)?,
                Err(error) => {
                    output.flush()?;
                    return Err(asked.unreadable().unwrap_or_else(|| Failure::content(error)));
                }
            }
        }
        output.end(body.trailers())?;
        Ok(None)
    }

    /// Prints what was promised with an answer.
    async fn print_pushed(&self, job: &mut Job, asked: &Asked) -> Result<(), Failure> {
        for promise in asked.pushed.take() {
            let url = pushed::url(&promise, &job.url);
            job.output.note(format_args!("pushed: {} {}", promise.method(), url.target));
            let http2 = self.connections.is_http2();
            let printed = match promise.response().await {
                Ok(response) => self.print(job, response, asked, false).await.map(drop),
                Err(error) => Err(unanswered(&url, &error, http2)),
            };
            printed.map_err(|failure| failure.about(&url))?;
        }
        Ok(())
    }
}

impl Asked {
    /// Why what was to be sent could not be read, if so.
    fn unreadable(&self) -> Option<Failure> {
        let error = self.failed.take()?;
        Some(Failure::new(failure::READ, format_args!("cannot read what to send: {error}")))
    }
}

fn redirect(response: &Response) -> Option<String> {
    let redirects = matches!(response.status().code(), 301 | 302 | 303 | 307 | 308);
    let location = response.field("location").filter(|_| redirects)?;
    Some(String::from_utf8_lossy(location).into_owned())
}

fn sent_twice() -> Failure {
    Failure::new(failure::SEND, "what was read to be sent cannot be sent twice")
}
