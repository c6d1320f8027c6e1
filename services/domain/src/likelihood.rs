//! Probabilities in words: never certain, and no more precise than they are known.

/// `93 %`, `<1 %`, `>99 %`: 0 and 100 would be promises.
pub fn fine(p: f64) -> String {
    let percent = p * 100.0;
    if percent < 0.5 {
        "<1 %".to_owned()
    } else if percent >= 99.5 {
        ">99 %".to_owned()
    } else {
        format!("{percent:.0} %")
    }
}

/// From under an hour of history, where nobody knows the second digit: `< 5 %`, `> 95 %`, between them tens: `~40 %`.
pub fn coarse(p: f64) -> String {
    if p < 0.05 {
        "< 5 %".to_owned()
    } else if p > 0.95 {
        "> 95 %".to_owned()
    } else {
        format!("~{:.0} %", (p * 10.0).round().clamp(1.0, 9.0) * 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_told_as_certain_or_more_precisely_than_known() {
        for (p, one, ten) in [
            (0.0, "<1 %", "< 5 %"),
            (0.004, "<1 %", "< 5 %"),
            (0.006, "1 %", "< 5 %"),
            (0.05, "5 %", "~10 %"),
            (0.11, "11 %", "~10 %"),
            (0.44, "44 %", "~40 %"),
            (0.95, "95 %", "~90 %"),
            (0.96, "96 %", "> 95 %"),
            (0.995, ">99 %", "> 95 %"),
            (1.0, ">99 %", "> 95 %"),
        ] {
            assert_eq!((fine(p).as_str(), coarse(p).as_str()), (one, ten), "{p}");
        }
    }
}
