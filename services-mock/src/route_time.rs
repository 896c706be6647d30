//! Service times of single routes, written like `POST /api/orders=exp:20ms`.

use std::str::FromStr;

use http::Method;

use crate::service_time::ServiceTime;

/// The service time of requests whose path begins with a prefix of whole segments.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteTime {
    /// Any method where there is none.
    method: Option<Method>,
    prefix: String,
    time: ServiceTime,
}

/// A text that says no route and time, with what is wrong with it.
#[derive(Debug, thiserror::Error)]
#[error("route time {text:?}: {problem}")]
pub struct BadRouteTime {
    text: String,
    problem: String,
}

impl FromStr for RouteTime {
    type Err = BadRouteTime;

    fn from_str(text: &str) -> Result<Self, BadRouteTime> {
        parse(text).map_err(|problem| BadRouteTime {
            text: text.to_owned(),
            problem,
        })
    }
}

fn parse(text: &str) -> Result<RouteTime, String> {
    let (route, time) = text
        .split_once('=')
        .ok_or("expected METHOD /path=TIME or /path=TIME")?;
    let (method, path) = match route.split_once(' ') {
        Some((method, path)) => (Some(known_method(method)?), path.trim()),
        None => (None, route),
    };
    if !path.starts_with('/') || path.contains(['?', ' ']) {
        return Err(format!(
            "path must begin with / and have no ?, got {path:?}"
        ));
    }
    Ok(RouteTime {
        method,
        prefix: path.trim_end_matches('/').to_owned(),
        time: time.parse().map_err(|e| format!("{e}"))?,
    })
}

fn known_method(text: &str) -> Result<Method, String> {
    let known = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    known
        .into_iter()
        .find(|method| method.as_str() == text)
        .ok_or_else(|| {
            format!("unknown method {text:?}; expected GET, HEAD, POST, PUT, PATCH or DELETE")
        })
}

impl RouteTime {
    fn fits(&self, method: &Method, path: &str) -> bool {
        let method_fits = self.method.as_ref().is_none_or(|own| own == method);
        let rest = path.strip_prefix(self.prefix.as_str());
        method_fits && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// The time of the longest prefix that fits; of two alike the one that names the method.
pub(crate) fn time_of<'a>(
    routes: &'a [RouteTime],
    method: &Method,
    path: &str,
) -> Option<&'a ServiceTime> {
    let fitting = routes.iter().filter(|route| route.fits(method, path));
    fitting
        .max_by_key(|route| (route.prefix.len(), route.method.is_some()))
        .map(|route| &route.time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_longest_prefix_of_whole_segments_wins() {
        let written = [
            "/=fixed:1ms",
            "/api/orders=fixed:2ms",
            "POST /api/orders/=fixed:3ms",
        ];
        let routes = written.map(|text| text.parse::<RouteTime>().unwrap());
        let time = |method, path| time_of(&routes, &method, path).cloned();
        let fixed = |ms| Some(ServiceTime::Fixed(Duration::from_millis(ms)));
        assert_eq!(time(Method::GET, "/api/orders"), fixed(2));
        assert_eq!(time(Method::GET, "/api/orders/7"), fixed(2));
        assert_eq!(time(Method::POST, "/api/orders"), fixed(3));
        assert_eq!(time(Method::GET, "/api/ordersx"), fixed(1));
        assert_eq!(time(Method::GET, "/"), fixed(1));
        assert_eq!(time_of(&routes[1..], &Method::GET, "/other"), None);
    }

    #[test]
    fn the_time_may_have_arguments() {
        let route: RouteTime = "POST /api/orders=lognormal:mean=20ms,sigma=0.5"
            .parse()
            .unwrap();
        let mean = Duration::from_millis(20);
        assert_eq!(route.time, ServiceTime::LogNormal { mean, sigma: 0.5 });
    }

    #[test]
    fn a_wrong_text_is_refused_with_its_problem() {
        for (text, part) in [
            ("/api/orders", "expected METHOD"),
            ("post /api=exp:1ms", "\"post\""),
            ("api=exp:1ms", "must begin with /"),
            ("/api?x=exp:1ms", "must begin with /"),
            ("GET /api=1ms", "shape"),
        ] {
            let error = text.parse::<RouteTime>().unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(text), "{error}");
        }
    }
}
