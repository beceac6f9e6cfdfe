//! The claims, one file a family.

pub mod aws;
pub mod bills;
mod brooker;
mod layers;
mod queues;

use super::Case;

/// All cases, in the order of the tables.
pub fn all() -> impl Iterator<Item = &'static Case> {
    aws::CASES
        .iter()
        .chain(brooker::CASES)
        .chain(queues::CASES)
        .chain(layers::CASES)
        .chain(bills::CASES)
}

/// The cases whose source, setup or claims have `word` in them, in any case of letters.
pub fn matching(word: &str) -> Vec<&'static Case> {
    let word = word.to_lowercase();
    let holds = |text: &str| text.to_lowercase().contains(&word);
    let fits = |case: &&Case| {
        holds(case.source.key)
            || holds(case.source.title)
            || holds(case.setup)
            || case.claims.iter().any(|c| holds(c.what) || holds(c.policy))
    };
    all().filter(fits).collect()
}

#[cfg(test)]
mod tests {
    use super::super::table;
    use super::*;

    #[test]
    fn every_shipped_scenario_has_its_claims() {
        for entry in std::fs::read_dir("scenarios/validation").unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            let path = path.to_str().unwrap().replace('\\', "/");
            let used = all().any(|c| c.scenario.path == path && c.scenario.text == text);
            assert!(used, "nobody plays {path}");
        }
    }

    #[test]
    fn every_claim_stands_in_the_manual() {
        let manual = std::fs::read_to_string("docs/validation.md").unwrap();
        for case in all() {
            assert!(manual.contains(case.source.link), "{}", case.source.link);
            assert!(manual.contains(case.source.detail), "{}", case.source.key);
            for claim in case.claims {
                let row = table::row_begin(case, claim);
                assert!(manual.contains(&row), "no `{row}` in docs/validation.md");
            }
        }
    }

    #[test]
    fn words_find_cases() {
        assert!(!matching("AWS").is_empty());
        assert!(matching("erlang").len() >= 2);
        assert!(matching("no such thing").is_empty());
    }
}
