//! The page's sections, in their order, as tables and places for charts.

use crate::experiment::Metric;
use crate::experiment::document::{Document, PolicyResult, Verdict};
use crate::report::charts::styles;
use crate::report::format::{
    NO_VALUE, count, counted, money, money_change, money_spread, percent, seconds,
};
use crate::report::story::{self, COLUMNS, best, exact_money, value};

use super::fleets::fleets;
use super::layers::layers;
use super::writer::{esc, sentence, source};

/// All sections of one result; `r` tells results apart in ids.
pub(super) fn all(doc: &Document, r: usize) -> String {
    [
        opening(doc, r),
        controls(doc),
        comparison(doc, r),
        fleets(doc, r),
        chart(r, "spend", "Cumulative spend", "Dollars spent up to each moment, mean over the replications; the band holds nine runs in ten."),
        chart(r, "volume", "Call volume by outcome", "Attempts per second, one panel a policy on the same axes. Grey: a target was down. The strip above: a limit turned calls away (amber), a breaker or the client refused them (blue)."),
        chart(r, "distribution", "Spend distribution", "One dot a replication; the line is the median, the bar the 95th percentile, the ring the worst."),
        money_went(doc, r),
        storm(doc, r),
        layers(doc, r),
        life(doc, r),
        assumptions(doc, r),
        reproduce(doc, r),
    ]
    .concat()
}

pub(super) fn section(r: usize, id: &str, title: &str, note: &str, body: &str) -> String {
    let note = match note {
        "" => String::new(),
        text => format!("<p class=\"note\">{}</p>\n", esc(text)),
    };
    format!("<section class=\"{id}\">\n<h2 id=\"{id}-{r}\">{title}</h2>\n{note}{body}</section>\n")
}

fn opening(doc: &Document, r: usize) -> String {
    let level = if r == 0 { "h1" } else { "h2" };
    let mut out = format!(
        "<header class=\"opening\">\n<p class=\"brand\">squall cost report</p>\n<{level}><bdi>{}</bdi></{level}>\n",
        esc(&story::name(&doc.scenario))
    );
    if !doc.about.is_empty() {
        out.push_str(&format!(
            "<p class=\"about\"><bdi>{}</bdi></p>\n",
            esc(&doc.about)
        ));
    }
    let sentences = story::verdict(doc);
    out.push_str("<div class=\"verdict\">");
    for (i, text) in sentences.iter().enumerate() {
        let class = if i == 0 { "lead" } else { "more" };
        out.push_str(&format!("<p class=\"{class}\">{}</p>", sentence(text)));
    }
    out.push_str("</div>\n");
    out.push_str(&format!(
        "<p class=\"facts\">{}, {} each, cut off at {}, seed {}</p>\n",
        counted(doc.policies.len(), "policy", "policies"),
        counted(doc.replications as usize, "replication", "replications"),
        seconds(doc.horizon_seconds),
        doc.seed
    ));
    if !doc.thresholds.is_empty() {
        out.push_str("<ul class=\"thresholds\">");
        for t in &doc.thresholds {
            let (class, word) = match t.verdict {
                Verdict::Passed => ("passed", "✓ passed"),
                Verdict::Failed => ("failed", "✗ failed"),
                Verdict::Undecided => ("undecided", "? undecided"),
            };
            let why = match t.why.as_str() {
                "" => String::new(),
                why => format!(" <small>{}</small>", esc(why)),
            };
            out.push_str(&format!(
                "<li class=\"{class}\"><b>{word}</b> <code>{}</code>{why}</li>",
                esc(&t.text)
            ));
        }
        out.push_str("</ul>\n");
    }
    out + "</header>\n"
}

/// The legend that switches policies everywhere, and the zoom.
fn controls(doc: &Document) -> String {
    let mut out = String::from(
        "<div class=\"controls\" role=\"group\" aria-label=\"Policies and time shown in all charts\">\n<div class=\"legend\">",
    );
    for (i, policy) in doc.policies.iter().enumerate() {
        out.push_str(&format!(
            "<button type=\"button\" class=\"toggle\" aria-pressed=\"true\" data-policy=\"{i}\">{}<bdi>{}</bdi></button>",
            swatch(i),
            esc(&story::name(&policy.name))
        ));
    }
    out + "</div>\n<div class=\"zoom\"><span class=\"range\"></span>\
           <button type=\"button\" data-zoom=\"left\" aria-label=\"Earlier\">←</button>\
           <button type=\"button\" data-zoom=\"in\" aria-label=\"Zoom in on time\">+</button>\
           <button type=\"button\" data-zoom=\"out\" aria-label=\"Zoom out\">−</button>\
           <button type=\"button\" data-zoom=\"right\" aria-label=\"Later\">→</button>\
           <button type=\"button\" data-zoom=\"reset\">All time</button></div>\n</div>\n"
}

/// A policy's line, as it is drawn everywhere.
fn swatch(index: usize) -> String {
    let (colour, dash) = styles::policy(index);
    let dash: Vec<String> = dash.iter().map(f64::to_string).collect();
    format!(
        "<svg class=\"swatch\" width=\"28\" height=\"10\" viewBox=\"0 0 28 10\" aria-hidden=\"true\">\
         <line x1=\"0\" y1=\"5\" x2=\"28\" y2=\"5\" stroke=\"{colour}\" data-ink=\"{colour}\" stroke-width=\"4\" stroke-dasharray=\"{}\"/></svg>",
        dash.join(" ")
    )
}

pub(super) fn policy_cell(index: usize, policy: &PolicyResult) -> String {
    format!(
        "<th scope=\"row\" title=\"{}\">{}<bdi>{}</bdi></th>",
        esc(&policy.about),
        swatch(index),
        esc(&story::name(&policy.name))
    )
}

pub(super) fn table(caption: &str, class: &str, inner: &str) -> String {
    format!(
        "<div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"{caption}\"><table class=\"{class}\">\n{inner}</table></div>\n"
    )
}

fn comparison(doc: &Document, r: usize) -> String {
    let mut inner = String::from(
        "<thead><tr><th scope=\"col\" aria-sort=\"none\"><button type=\"button\" data-sort=\"-1\">Policy</button></th>",
    );
    for (c, column) in COLUMNS.iter().enumerate() {
        inner.push_str(&format!(
            "<th scope=\"col\" aria-sort=\"none\" title=\"{}\"><button type=\"button\" data-sort=\"{c}\">{}</button></th>",
            esc(column.about),
            esc(column.head)
        ));
        if c == 0 {
            inner.push_str("<th scope=\"col\" class=\"vs\" aria-sort=\"none\"><button type=\"button\" data-sort=\"vs\">Spend vs baseline</button></th>");
        }
    }
    inner.push_str("</tr></thead>\n<tbody>\n");
    let marks: Vec<Vec<bool>> = COLUMNS.iter().map(|c| best(doc, c)).collect();
    for (i, policy) in doc.policies.iter().enumerate() {
        inner.push_str(&format!(
            "<tr data-policy=\"{i}\">{}",
            policy_cell(i, policy)
        ));
        for (c, column) in COLUMNS.iter().enumerate() {
            let number = value(column, policy);
            let text = number.map_or_else(|| NO_VALUE.to_owned(), column.format);
            let mark = if marks[c][i] {
                "<span class=\"best\" title=\"best\">★<span class=\"sr\"> best</span></span>"
            } else {
                ""
            };
            let key = number.map_or_else(String::new, |v| v.to_string());
            let interval = if c == 0 {
                half_width(policy)
            } else {
                String::new()
            };
            inner.push_str(&format!(
                "<td data-value=\"{key}\">{mark}{text}{interval}</td>"
            ));
            if c == 0 {
                let (text, spread) = versus(doc, i, 0);
                inner.push_str(&format!("<td class=\"vs\">{text}{}</td>", small(&spread)));
            }
        }
        inner.push_str("</tr>\n");
    }
    inner.push_str("</tbody>");
    let mut select = format!(
        "<p class=\"pick\"><label for=\"base-{r}\">Differences to</label> <select id=\"base-{r}\" class=\"baseline\">"
    );
    for (i, policy) in doc.policies.iter().enumerate() {
        select.push_str(&format!(
            "<option value=\"{i}\">{}</option>",
            esc(&story::name(&policy.name))
        ));
    }
    select.push_str("</select></p>\n");
    let body = select + &table("Comparison of the policies", "comparison", &inner);
    section(
        r,
        "compare",
        "The policies side by side",
        "Means over the replications; ± is half of a 95 % t interval, differences are paired by replication. ★ best among the policies with at least 0.9 × the best success.",
        &body,
    )
}

fn half_width(policy: &PolicyResult) -> String {
    let spend = policy.metric(Metric::Spend);
    small(&spread(spend.mean, spend.ci95))
}

/// Half the width of an interval of dollars; empty where all replications agree.
fn spread(mean: Option<f64>, ci95: Option<[f64; 2]>) -> String {
    let half = |(mean, [low, high]): (f64, [f64; 2])| money_spread(mean, (high - low) / 2.0);
    mean.zip(ci95).map_or_else(String::new, half)
}

fn small(text: &str) -> String {
    match text {
        "" => String::new(),
        text => format!(" <small>{text}</small>"),
    }
}

/// A policy's spend against another's: the paired difference, and half of its interval.
pub(super) fn versus(doc: &Document, i: usize, other: usize) -> (String, String) {
    let difference = doc.difference(i, other, Metric::Spend);
    let mean = difference.and_then(|d| d.mean);
    let text = mean.map_or_else(|| NO_VALUE.to_owned(), money_change);
    (text, spread(mean, difference.and_then(|d| d.ci95)))
}

fn chart(r: usize, id: &str, title: &str, note: &str) -> String {
    let body = format!(
        "<div class=\"chart\" data-chart=\"{id}\"></div>\n<noscript>The chart needs scripts; its numbers are in summary.csv and timeseries.csv.</noscript>\n"
    );
    section(r, id, title, note, &body)
}

/// Where the money went: the rows of each policy add up to its spend.
fn money_went(doc: &Document, r: usize) -> String {
    let largest = doc
        .policies
        .iter()
        .map(|p| story::mean(p, Metric::Spend))
        .fold(0.0, f64::max);
    let caches = doc.policies.iter().any(|p| story::cache_writes(p) > 0.0);
    let mut body = String::new();
    for (i, policy) in doc.policies.iter().enumerate() {
        let total = story::mean(policy, Metric::Spend);
        let parts = story::parts(policy);
        body.push_str(&format!("<div class=\"card\" data-policy=\"{i}\"><h3>{}<bdi>{}</bdi> <span class=\"sum\">{}</span></h3>\n", swatch(i), esc(&story::name(&policy.name)), money(total)));
        body.push_str("<div class=\"bar\" aria-hidden=\"true\">");
        for part in &parts {
            let share = if largest > 0.0 {
                part.usd / largest * 100.0
            } else {
                0.0
            };
            body.push_str(&format!(
                "<span style=\"width:{share:.3}%;background:{}\"></span>",
                styles::scope(&part.scope)
            ));
        }
        body.push_str("</div>\n<table class=\"parts\"><thead><tr><th scope=\"col\">For</th><th scope=\"col\">Attempts</th><th scope=\"col\">Dollars</th></tr></thead><tbody>\n");
        let dollars: Vec<f64> = parts.iter().map(|p| p.usd).collect();
        for (part, text) in parts.iter().zip(story::adding_up(&dollars, total)) {
            body.push_str(&format!(
                "<tr><th scope=\"row\"><i class=\"key\" style=\"background:{}\"></i>{}</th><td>{}</td><td data-usd=\"{}\">{}</td></tr>\n",
                styles::scope(&part.scope), esc(&part.label), count(part.attempts), part.usd, text
            ));
        }
        let row = |class: &str, label: &str, usd: f64| {
            format!(
                "<tr class=\"{class}\"><th scope=\"row\">{}</th><td></td><td>{}</td></tr>\n",
                esc(label),
                exact_money(usd, total)
            )
        };
        body.push_str(&format!("<tr class=\"total\"><th scope=\"row\">Spend</th><td>{}</td><td data-total=\"{total}\">{}</td></tr>\n", count(story::mean(policy, Metric::Attempts)), exact_money(total, total)));
        body.push_str(&row(
            "of",
            "of it thrown away",
            story::mean(policy, Metric::Wasted),
        ));
        if caches {
            let usd = story::cache_writes(policy);
            body.push_str(&row("of", "of it writing the prompt cache", usd));
        }
        for (outcome, usd) in story::by_outcome(policy) {
            body.push_str(&row(
                "of",
                &format!("of it ended {}", outcome.replace('_', " ")),
                usd,
            ));
        }
        body.push_str(&format!("</tbody></table>\n<p class=\"beside\">{} of tasks finished, {} failed, {} unfinished</p></div>\n",
            percent(story::mean(policy, Metric::SuccessRate)), count(story::mean(policy, Metric::TasksFailed)), count(story::mean(policy, Metric::TasksUnfinished))));
    }
    section(
        r,
        "money",
        "Where the money went",
        "Dollars a run by why the attempt was made; the rows above the line add up to the spend. Bars share one scale.",
        &format!("<div class=\"cards\">{body}</div>\n"),
    )
}

fn storm(doc: &Document, r: usize) -> String {
    let mut inner = String::from("<thead><tr><th scope=\"col\">Policy</th>");
    for (head, ..) in story::STORM {
        inner.push_str(&format!("<th scope=\"col\">{head}</th>"));
    }
    inner.push_str("</tr></thead>\n<tbody>\n");
    for (i, policy) in doc.policies.iter().enumerate() {
        let cell = |(_, metric, format): story::Figure| {
            let mean = policy.metric(metric).mean;
            format!(
                "<td>{}</td>",
                mean.map_or_else(|| NO_VALUE.to_owned(), format)
            )
        };
        inner.push_str(&format!(
            "<tr data-policy=\"{i}\">{}{}</tr>\n",
            policy_cell(i, policy),
            story::STORM.map(cell).concat()
        ));
    }
    section(
        r,
        "storm",
        "The storm in figures",
        story::STORM_ABOUT,
        &table("Storm figures", "figures", &(inner + "</tbody>")),
    )
}

fn life(doc: &Document, r: usize) -> String {
    let Some(life) = &doc.life else {
        return String::new();
    };
    let note = format!(
        "Task {} of fleet {} in replication {}, the one that the policies treat most differently. Each mark is an attempt, filled up to when it ended; gaps are waits.",
        life.task,
        story::name(&life.fleet),
        life.replication
    );
    let mut body = String::from("<div class=\"chart\" data-chart=\"life\"></div>\n");
    let mut inner = String::from(
        "<thead><tr><th scope=\"col\">Policy</th><th scope=\"col\">Ended</th><th scope=\"col\">Took</th><th scope=\"col\">Attempts</th><th scope=\"col\">Dollars</th></tr></thead><tbody>\n",
    );
    for (i, (policy, it)) in doc.policies.iter().zip(&life.policies).enumerate() {
        let took = it
            .end_seconds
            .zip(it.ready_seconds)
            .map_or_else(|| NO_VALUE.to_owned(), |(e, b)| seconds(e - b));
        let ended = match it.outcome.as_str() {
            "" => "unfinished".to_owned(),
            outcome => outcome.replace('_', " "),
        };
        let cut = match it.left_out {
            0 => String::new(),
            n => format!(" <small>{n} not drawn</small>"),
        };
        inner.push_str(&format!("<tr data-policy=\"{i}\">{}<td>{ended}</td><td>{took}</td><td>{}{cut}</td><td>{}</td></tr>\n", policy_cell(i, policy), it.attempts, money(it.usd)));
    }
    body.push_str(&table(
        "One task under each policy",
        "figures",
        &(inner + "</tbody>"),
    ));
    section(r, "life", "One task’s life under each policy", &note, &body)
}

fn assumptions(doc: &Document, r: usize) -> String {
    let mut body = String::from("<dl class=\"assumptions\">");
    for target in &doc.targets {
        let kind = if target.model { "model" } else { "tool" };
        body.push_str(&format!(
            "<dt>{kind} <bdi>{}</bdi></dt><dd><ul>",
            esc(&story::name(&target.name))
        ));
        let source = match target.price_source.as_str() {
            "" => "free".to_owned(),
            source => format!("prices: {source}"),
        };
        for fact in std::iter::once(&source).chain(&target.assumptions) {
            body.push_str(&format!("<li>{}</li>", esc(fact)));
        }
        body.push_str("</ul></dd>");
    }
    body.push_str("</dl>\n");
    body.push_str(&format!("<p>Every run is cut off at {}; what was unfinished then counts as unfinished, and its open attempts are charged.</p>\n", seconds(doc.horizon_seconds)));
    if !doc.warnings.is_empty() {
        body.push_str("<h3>Warnings</h3>\n<ul class=\"warnings\">");
        for warning in &doc.warnings {
            body.push_str(&format!("<li><bdi>{}</bdi></li>", esc(warning)));
        }
        body.push_str("</ul>\n");
    }
    body.push_str("<h3>How sure</h3>\n");
    let mut inner = String::from(
        "<thead><tr><th scope=\"col\">Policy</th><th scope=\"col\">Replications</th><th scope=\"col\">Spend</th><th scope=\"col\">95 % interval</th><th scope=\"col\">p50</th><th scope=\"col\">p95</th><th scope=\"col\">Worst</th></tr></thead><tbody>\n",
    );
    for (i, policy) in doc.policies.iter().enumerate() {
        let s = policy.metric(Metric::Spend);
        let cell = |v: Option<f64>| v.map_or_else(|| NO_VALUE.to_owned(), money);
        let interval = match s.ci95 {
            None => NO_VALUE.to_owned(),
            Some([low, high]) if low == high => "all agree".to_owned(),
            Some([low, high]) => format!("{} to {}", money(low), money(high)),
        };
        inner.push_str(&format!("<tr data-policy=\"{i}\">{}<td>{}</td><td>{}</td><td>{interval}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n", policy_cell(i, policy), s.n, cell(s.mean), cell(s.p50), cell(s.p95), cell(s.max)));
    }
    body.push_str(&table(
        "Spend and its intervals",
        "figures",
        &(inner + "</tbody>"),
    ));
    section(
        r,
        "careful",
        "What was assumed, and how sure it is",
        "",
        &body,
    )
}

fn reproduce(doc: &Document, r: usize) -> String {
    let body = format!(
        "<p>The scenario below, this command and squall {} make every figure again, to the last byte:</p>\n<pre class=\"command\" tabindex=\"0\"><code>{}</code></pre>\n\
         <p class=\"hash\">SHA-256 of scenario and overrides: <code>{}</code></p>\n\
         <details><summary>The scenario file</summary><pre tabindex=\"0\"><code>{}</code></pre></details>\n",
        esc(&doc.version),
        esc(&story::command(doc)),
        esc(&doc.scenario_hash),
        source(&doc.source)
    );
    section(r, "again", "Do it again", "", &body)
}
