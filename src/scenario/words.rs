//! Words for messages: what was probably meant, what there is to choose from.

/// The word that was probably meant.
pub fn near<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    if name.len() > 100 {
        return None;
    }
    let allowed = (name.chars().count() / 3).max(1);
    let distance = |word: &&str| strsim::osa_distance(&name.to_lowercase(), &word.to_lowercase());
    // Of two words that are as near, the one that is as long.
    let rank = |word: &&str| (distance(word), word.len().abs_diff(name.len()));
    let best = known.iter().copied().min_by_key(rank)?;
    if distance(&best) <= allowed {
        return Some(best);
    }
    let singular = format!("{}y", name.strip_suffix("ies")?);
    known.iter().copied().find(|word| *word == singular)
}

/// What to say of a name that is not known.
pub(super) fn advice(what: &str, name: &str, known: &[&str]) -> Option<String> {
    if let Some(word) = near(name, known) {
        return Some(format!("did you mean `{word}`?"));
    }
    match known.len() {
        0 => None,
        1 => Some(format!("the only {what} here is `{}`", shortened(known[0]))),
        _ => Some(format!("known {what}s: {}", quoted(known, ", "))),
    }
}

/// `a`, `b` or `c`.
pub(super) fn any_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [first @ .., last] => format!("{} or `{last}`", quoted(first, ", ")),
    }
}

fn quoted(words: &[&str], separator: &str) -> String {
    const MOST: usize = 30;
    let mut shown: Vec<String> = words
        .iter()
        .take(MOST)
        .map(|word| format!("`{}`", shortened(word)))
        .collect();
    if words.len() > MOST {
        shown.push("…".to_owned());
    }
    shown.join(separator)
}

/// A name for a message, without its bulk.
pub(super) fn shortened(name: &str) -> String {
    const MOST: usize = 40;
    let mut shown: String = name
        .chars()
        .take(MOST)
        .flat_map(char::escape_debug)
        .collect();
    if name.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_nonsense_does_not() {
        let known = ["latency", "limits", "failures"];
        assert_eq!(near("latncy", &known), Some("latency"));
        assert_eq!(near("Limits", &known), Some("limits"));
        assert_eq!(near("banana", &known), None);
        assert_eq!(near("latency", &[]), None);
    }

    #[test]
    fn advice_names_what_there_is() {
        let advice = |name: &str, known: &[&str]| advice("tool", name, known);
        assert_eq!(
            advice("sandbx", &["sandbox"]),
            Some("did you mean `sandbox`?".to_owned())
        );
        assert_eq!(
            advice("x", &["sandbox"]),
            Some("the only tool here is `sandbox`".to_owned())
        );
        assert_eq!(
            advice("x", &["abc", "def"]),
            Some("known tools: `abc`, `def`".to_owned())
        );
        assert_eq!(advice("x", &[]), None);
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(shortened(&"ä".repeat(100)).chars().count(), 41);
        assert_eq!(shortened("a\nb"), "a\\nb");
    }
}
