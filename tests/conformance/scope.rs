//! Recorded cases that are about no call (what a program does that is wrong, or that stops), and
//! those that turn on what one outcome here cannot tell apart.

/// Why a case is out of scope, if it is.
pub fn why_out(file: &str, id: &str) -> Option<&'static str> {
    const STOPPED: &str = "the program is being stopped";
    const WRONG: &str = "the program is wrong, whatever the call's outcome";
    const BAILED: &str = "the program's own code says stop, whatever the call's outcome";
    const TIMEOUTS: &str = "a timeout here stands also for the timeouts of HTTP clients, \
                            which the same library tries again";
    const OS: &str = "a transient error here stands also for the broken connection, \
                      which the same library tries again";
    const CONNECT: &str = "a timeout here is that of a whole call, which the library does not try \
                           again; this one is of the connection alone";
    const OBJECT: &str = "about copies of one generator inside the library's object; \
                          every call here draws its own jitter";
    Some(match (file, id) {
        (
            "tenacity",
            "default_predicate.KeyboardInterrupt"
            | "default_predicate.SystemExit"
            | "default_predicate.GeneratorExit",
        ) => STOPPED,
        (
            "langgraph",
            "default_retry_on.ValueError"
            | "default_retry_on.KeyError"
            | "default_retry_on.RuntimeError"
            | "default_retry_on.TypeError",
        )
        | ("p-retry", "TypeError") => WRONG,
        ("p-retry", "AbortError") | ("async-retry", "bail") => BAILED,
        (
            "langgraph",
            "default_retry_on.TimeoutError" | "default_retry_on.asyncio.TimeoutError",
        ) => TIMEOUTS,
        ("langgraph", "default_retry_on.OSError") => OS,
        ("urllib3", "error.ConnectTimeoutError.POST") => CONNECT,
        ("tower", "backoff.one_maker_repeats_its_jitter") => OBJECT,
        _ => return None,
    })
}
