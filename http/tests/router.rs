//! The router against a slow one that tries every route, and the answers it makes itself.

use avx_http::{Handler, Method, Reply, Request, Response, Router, Status};
use proptest::prelude::*;

fn call(router: &Router, method: Method<'_>, target: &str) -> Response {
    match router.call(&mut Request::new(method, target)) {
        Reply::Now(response) => response,
        Reply::Later(_) => panic!("answers at once"),
    }
}

fn text(response: Response) -> String {
    let mut response = response;
    let body = std::mem::take(response.body_mut());
    let mut future = std::pin::pin!(body.collect(1000));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    match future.as_mut().poll(&mut cx) {
        std::task::Poll::Ready(Ok(content)) => String::from_utf8(content).unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Answers with its own pattern and what it captured.
fn route(router: Router, method: Method<'_>, pattern: &'static str) -> Router {
    let name = method.to_string();
    router.route(method, pattern, move |request: &Request<'_>| {
        let captured = (0..).map_while(|i| request.capture(i));
        captured.fold(format!("{name} {pattern}"), |text, part| text + " " + &String::from_utf8_lossy(part))
    })
}

/// Specificity of a segment, and so of a pattern: literal, parameter, `*`, `**`, in this order, from
/// the left. A pattern that ends goes before one whose `**` stands for nothing.
fn rank(pattern: &str) -> Vec<u8> {
    pattern[1..]
        .split('/')
        .map(|segment| match segment {
            "**" => 3,
            "*" => 2,
            s if s.starts_with(':') => 1,
            _ => 0,
        })
        .collect()
}

/// What the pattern captures of the path, if it matches.
fn matches(pattern: &str, path: &str) -> Option<Vec<String>> {
    let mut captured = Vec::new();
    let mut rest: Vec<&str> = path[1..].split('/').collect();
    for segment in pattern[1..].split('/') {
        if segment == "**" {
            captured.push(rest.join("/"));
            return Some(captured);
        }
        if rest.is_empty() {
            return None;
        }
        let part = rest.remove(0);
        match segment {
            s if s == "*" || s.starts_with(':') => {
                if part.is_empty() {
                    return None;
                }
                captured.push(part.to_owned());
            }
            s if s == part => {}
            _ => return None,
        }
    }
    rest.is_empty().then_some(captured)
}

fn pattern() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        4 => prop_oneof![Just("a"), Just("b"), Just("")].prop_map(str::to_owned),
        2 => prop_oneof![Just(":x"), Just(":y"), Just(":z")].prop_map(str::to_owned),
        1 => Just("*".to_owned()),
    ];
    (prop::collection::vec(segment, 0..4), any::<bool>()).prop_filter_map(
        "well-formed",
        |(segments, rest)| {
            let mut segments = segments;
            if rest || segments.is_empty() {
                segments.push(if rest { "**" } else { "" }.to_owned());
            }
            let mut names: Vec<_> = segments.iter().filter(|s| s.starts_with(':')).collect();
            names.sort();
            let count = names.len();
            names.dedup();
            (names.len() == count).then(|| format!("/{}", segments.join("/")))
        },
    )
}

/// Patterns with equal captures-by-kind are the same route.
fn shape(pattern: &str) -> String {
    pattern.split('/').map(|s| if s.starts_with(':') { ":" } else { s }).collect::<Vec<_>>().join("/")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn the_router_agrees_with_trying_every_route(
        patterns in prop::collection::vec((pattern(), any::<bool>()), 1..12),
        path in prop::collection::vec(prop_oneof![Just("a"), Just("b"), Just("c"), Just("")], 1..5),
        post in any::<bool>(),
    ) {
        let path = format!("/{}", path.join("/"));
        let mut routes: Vec<(&'static str, bool)> = Vec::new();
        for (pattern, post) in patterns {
            if !routes.iter().any(|(p, m)| shape(p) == shape(&pattern) && *m == post) {
                routes.push((pattern.leak(), post));
            }
        }
        let method = |post: bool| if post { Method::Post } else { Method::Get };
        let router = routes.iter().fold(Router::new(), |router, (p, m)| route(router, method(*m), p));
        prop_assert!(router.check().is_ok());

        let mut found: Vec<_> = routes
            .iter()
            .filter_map(|(pattern, of)| Some((rank(pattern), *of, *pattern, matches(pattern, &path)?)))
            .collect();
        found.sort();
        let response = call(&router, method(post), &path);
        match found.iter().find(|(_, of, _, _)| *of == post) {
            Some((_, of, pattern, captured)) => {
                let expected = captured.iter().fold(format!("{} {pattern}", method(*of)), |t, c| t + " " + c);
                prop_assert_eq!(text(response), expected);
            }
            None if found.is_empty() => prop_assert_eq!(response.status(), Status::NOT_FOUND),
            None => {
                prop_assert_eq!(response.status(), Status::METHOD_NOT_ALLOWED);
                let allow = if post { "GET, HEAD, OPTIONS" } else { "POST, OPTIONS" };
                prop_assert_eq!(response.fields().get("allow").unwrap(), allow.as_bytes());
            }
        }
    }
}

#[test]
fn the_order_of_insertion_does_not_matter() {
    let patterns = ["/**", "/*", "/:id", "/me", "/me/**", "/:id/x"];
    for turn in 0..patterns.len() {
        let mut patterns = patterns;
        patterns.rotate_left(turn);
        let router = patterns.iter().fold(Router::new(), |router, p| route(router, Method::Get, p));
        let get = |path| text(call(&router, Method::Get, path));
        assert_eq!(get("/me"), "GET /me");
        assert_eq!(get("/you"), "GET /:id you");
        assert_eq!(get("/me/x"), "GET /me/** x");
        assert_eq!(get("/you/x"), "GET /:id/x you");
        assert_eq!(get("/you/y"), "GET /** you/y");
        assert_eq!(get("/"), "GET /** ");
    }
}

#[test]
fn head_and_options_are_answered_from_the_routes_there_are() {
    let router = Router::new().get("/a", || "a").post("/a", || "p").get("/b", || "b").options("/b", || "own");
    assert_eq!(text(call(&router, Method::Head, "/a")), "a", "the machine leaves the content out");
    let options = call(&router, Method::Options, "/a");
    assert_eq!(options.status(), Status::NO_CONTENT);
    assert_eq!(options.fields().get("allow"), Some(&b"GET, HEAD, POST, OPTIONS"[..]));
    assert_eq!(text(call(&router, Method::Options, "/b")), "own");
    assert_eq!(call(&router, Method::Options, "/c").status(), Status::NOT_FOUND);
    assert_eq!(call(&router, Method::Options, "*").status(), Status::NO_CONTENT);
    assert_eq!(call(&router, Method::Put, "/a").status(), Status::METHOD_NOT_ALLOWED);
    assert_eq!(call(&router, Method::Extension(b"PURGE"), "/a").status(), Status::METHOD_NOT_ALLOWED);
    let router = router.route(Method::Extension(b"PURGE"), "/a", || "gone").any("/any", || "any");
    assert_eq!(text(call(&router, Method::Extension(b"PURGE"), "/a")), "gone");
    assert_eq!(text(call(&router, Method::Extension(b"ODD"), "/any")), "any");
}

#[test]
fn escapes_are_decoded_in_literals_and_captures_but_make_no_segments() {
    let router = Router::new().get("/caf\u{e9}/x", || "literal").get("/:a/:b", |request: &Request<'_>| {
        format!("{}|{}", request.param("a").unwrap(), request.param("b").unwrap())
    });
    assert_eq!(text(call(&router, Method::Get, "/caf%C3%A9/%78")), "literal");
    assert_eq!(text(call(&router, Method::Get, "/a%20b/c%2Fd?q")), "a b|c/d");
    assert_eq!(text(call(&router, Method::Get, "/%zz/%")), "%zz|%");
    assert_eq!(text(call(&router, Method::Get, "http://h/1/2")), "1|2");
}

#[test]
fn a_mounted_router_keeps_its_layers_and_its_fallback() {
    let inner = Router::new()
        .get("/", || "index")
        .get("/item/:id", |request: &Request<'_>| request.param("id").unwrap().into_owned())
        .fallback(|| (Status::NOT_FOUND, "inner"))
        .wrap(|request, next| next.call(request).map(|response| response.field("x-layer", "inner")));
    let router = Router::new()
        .get("/", || "outer")
        .mount("/api", inner)
        .wrap(|request, next| next.call(request).map(|response| response.field("x-layer", "outer")));
    let layers = |response: &Response| {
        let lines = response.fields().iter().filter(|line| line.is("x-layer"));
        lines.map(|line| String::from_utf8_lossy(line.value.as_bytes()).into_owned()).collect::<Vec<_>>()
    };
    let response = call(&router, Method::Get, "/api/item/7");
    assert_eq!(layers(&response), ["inner", "outer"]);
    assert_eq!(text(response), "7");
    let response = call(&router, Method::Get, "/api/none");
    assert_eq!((layers(&response).len(), text(response)), (2, "inner".into()));
    let response = call(&router, Method::Get, "/none");
    assert_eq!((layers(&response).len(), response.status()), (1, Status::NOT_FOUND));
    assert_eq!(text(call(&router, Method::Get, "/api/")), "index");
}

#[test]
fn the_root_of_a_mounted_router_is_its_prefix_with_and_without_the_slash() {
    let inner = || Router::new().get("/", || "inner").post("/", || "posted");
    let routers = [
        Router::new().any("/**", || "outer").mount("/api", inner()),
        Router::new().mount("/api", inner()).any("/**", || "outer"),
        Router::new().mount("/", Router::new().mount("/api", inner())).any("/**", || "outer"),
    ];
    for router in routers {
        assert!(router.check().is_ok());
        assert_eq!(text(call(&router, Method::Get, "/api")), "inner");
        assert_eq!(text(call(&router, Method::Get, "/api/")), "inner");
        assert_eq!(text(call(&router, Method::Post, "/api")), "posted");
        assert_eq!(text(call(&router, Method::Get, "/api/x")), "outer");
    }
    let twice = Router::new().mount("/b", Router::new().mount("/api", inner()));
    assert_eq!(text(call(&twice, Method::Get, "/b/api")), "inner");
    assert_eq!(call(&twice, Method::Get, "/b").status(), Status::NOT_FOUND);
}

#[test]
fn a_route_of_its_own_goes_before_the_root_of_a_mounted_router() {
    let inner = || Router::new().get("/", || "inner").route(Method::Extension(b"ODD"), "/", || "inner");
    let own =
        |router: Router| router.get("/api", || "own").route(Method::Extension(b"ODD"), "/api", || "own");
    for router in [own(Router::new().mount("/api", inner())), own(Router::new()).mount("/api", inner())] {
        assert!(router.check().is_ok());
        for method in [Method::Get, Method::Extension(b"ODD")] {
            assert_eq!(text(call(&router, method, "/api")), "own");
            assert_eq!(text(call(&router, method, "/api/")), "inner");
        }
    }
    let twice = Router::new().mount("/api", inner()).mount("/api", inner());
    assert!(twice.check().is_err());
}

/// Layers decide who may do what: what they stand around is not to be had by another way.
#[test]
fn a_path_of_a_mounted_router_is_answered_by_it_whatever_the_method() {
    let layers = |response: &Response| {
        let lines = response.fields().iter().filter(|line| line.is("x-layer"));
        lines.map(|line| String::from_utf8_lossy(line.value.as_bytes()).into_owned()).collect::<Vec<_>>()
    };
    let deepest = Router::new()
        .get("/deep/:id", || "deep")
        .wrap(|request, next| next.call(request).map(|response| response.field("x-layer", "deepest")));
    let inner = Router::new()
        .get("/item", || "item")
        .post("/:any", || "any")
        .route(Method::Extension(b"ODD"), "/item", || "odd")
        .fallback(|| (Status::NOT_FOUND, "inner"))
        .mount("/more", deepest)
        .wrap(|request, next| next.call(request).map(|response| response.field("x-layer", "inner")));
    let router = Router::new().any("/**", || "outer").put("/api/:x", || "outer").mount("/api", inner);
    assert!(router.check().is_ok());

    let response = call(&router, Method::Put, "/api/item");
    assert_eq!(response.status(), Status::METHOD_NOT_ALLOWED);
    assert_eq!(response.fields().get("allow"), Some(&b"GET, HEAD, POST, OPTIONS, ODD"[..]));
    assert_eq!(layers(&response), ["inner"]);
    let response = call(&router, Method::Options, "/api/item");
    assert_eq!((response.status(), layers(&response)), (Status::NO_CONTENT, vec!["inner".to_owned()]));
    assert_eq!(text(call(&router, Method::Post, "/api/item")), "any", "its own routes fall through");

    let response = call(&router, Method::Post, "/api/more/deep/1");
    assert_eq!(response.status(), Status::METHOD_NOT_ALLOWED);
    assert_eq!(response.fields().get("allow"), Some(&b"GET, HEAD, OPTIONS"[..]));
    assert_eq!(layers(&response), ["deepest", "inner"]);

    assert_eq!(text(call(&router, Method::Put, "/api/other")), "outer", "not a path of the mounted one");
    let response = call(&router, Method::Get, "/api/none/at/all");
    assert_eq!((layers(&response), text(response)), (vec!["inner".to_owned()], "inner".into()));
}

#[test]
fn mistakes_are_kept_until_they_are_asked_for() {
    let conflict = Router::new().get("/:a", || "1").get("/:b", || "2");
    assert!(conflict.check().unwrap_err().to_string().contains("/:b"));
    assert!(Router::new().get("/:a", || "1").post("/:b", || "2").get("/*", || "3").check().is_ok());
    assert!(Router::new().mount("/x", Router::new().get("no slash", || "1")).check().is_err());
    assert!(Router::new().route(Method::Extension(b"A B"), "/", || "1").check().is_err());
}

/// Over HTTP/1.1, what an extended CONNECT asks for is asked for with GET and Upgrade (RFC 8441, section 5).
#[test]
fn a_connect_with_a_path_is_answered_by_the_route_of_get() {
    let router = route(Router::new(), Method::Get, "/chat").any("/**", || "any");
    let router = route(route(router, Method::Get, "/own"), Method::Connect, "/own");
    for (path, name) in [("/chat", "GET /chat"), ("/own", "CONNECT /own"), ("/else", "any")] {
        assert_eq!(text(call(&router, Method::Connect, path)), name);
    }
    // It is no method of its own.
    let router = route(Router::new(), Method::Get, "/chat");
    let refused = call(&router, Method::Post, "/chat");
    assert_eq!(refused.get("allow"), Some(&b"GET, HEAD, OPTIONS"[..]));
}
