//! What somebody who mistyped a name may have meant.

/// Few enough to be read at a glance.
const MOST: usize = 3;

/// The known names that lie nearest to `word`, nearest first; none where all are far.
pub fn near_misses<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    // A short word is near to everything by the count of letters alone.
    let farthest = (word.chars().count() / 3).max(1);
    let mut near: Vec<(usize, &str)> = known
        .into_iter()
        .map(|name| (strsim::osa_distance(&word.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= farthest && *name != word)
        .collect();
    near.sort_unstable();
    near.dedup();
    near.into_iter().take(MOST).map(|(_, name)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_found_and_strangers_are_not() {
        let known = ["release", "lts", "rc", "nightly", "1.10", "1.11", "1.10.4"];
        assert_eq!(near_misses("relaese", known), ["release"]);
        assert_eq!(near_misses("LTS", known), ["lts"]);
        assert_eq!(near_misses("nigthly", known), ["nightly"]);
        assert_eq!(near_misses("Rto", ["Rot"]), ["Rot"]);
        assert_eq!(near_misses("1.10.5", known), ["1.10.4", "1.10"]);
        assert_eq!(near_misses("something", known), Vec::<&str>::new());
    }
}
