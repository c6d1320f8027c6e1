//! The console in Italian, at several sizes.

use sla_proto::convert::timestamp;
use sla_proto::violation::v1::{self as violation, Absence, HeadlineKind, NoOutlook, Reason, ReasonKind};

use super::driver::Driver;
use super::figures::headline;
use super::frames::{PLACES, check};
use super::script::NOW_MS;
use crate::context::reasons::Wall;
use crate::format::Zone;
use crate::say::{Language, speak};

const SIZES: [(u16, u16); 3] = [(120, 40), (80, 24), (60, 16)];

fn at(place: &str, size: (u16, u16), language: Language) -> Driver {
    let mut driver = Driver::speaking(size.0, size.1, language);
    driver.keys(place);
    driver
}

#[test]
fn italian_fits_and_its_heads_are_whole() {
    for size in SIZES {
        for place in PLACES {
            let rows = at(place, size, Language::Italian).rows();
            check(&rows, size.0, size.1, place);
            for row in rows.iter().skip(3).filter(|row| is_head(row)) {
                assert!(!row.contains('…'), "{place} at {size:?}: a head is cut in {row}");
            }
        }
    }
    speak(Language::English);
}

/// Heads of columns are written in capitals.
fn is_head(row: &str) -> bool {
    let letters = row.chars().filter(|c| c.is_alphabetic());
    let (capitals, others): (Vec<_>, Vec<_>) = letters.partition(|c| c.is_uppercase());
    let (capitals, others) = (capitals.len(), others.len());
    capitals >= 8 && others <= 4
}

#[test]
fn header_tabs_and_footer_are_italian() {
    for size in SIZES {
        let mut driver = at("0", size, Language::Italian);
        let header = driver.rows()[0].clone();
        assert!(header.contains("violato") || header.contains("✗1"), "{header}");
        for words in ["0 Ora", "aiuto", "esci"] {
            driver.says(words);
        }
        driver.keys("?");
        driver.says("aiuto: che cosa funziona qui");
    }
    let mut driver = at("1", (80, 24), Language::Italian);
    driver.says("5 Esecuzioni");
    driver.says("finestra");
    driver.keys(": \"language");
    driver.press(" ");
    driver.keys("\"en Enter");
    driver.says("language: English");
    driver.keys("0");
    driver.says("help");
    driver.says_not("aiuto");
    driver.keys(": \"language");
    driver.press(" ");
    driver.keys("\"xx Enter");
    driver.says("language `xx`: must be one of en, it");
    driver.keys(": \"language Enter");
    driver.says("lingua: italiano");
    speak(Language::English);
}

const WALL: Wall = Wall {
    zone: Zone::Utc,
    now_ms: NOW_MS,
};

fn reason(kind: ReasonKind) -> Reason {
    Reason {
        kind: kind.into(),
        newest: Some(timestamp(NOW_MS - 120_000)),
        probability: 0.71,
        horizon_ms: 600_000,
        ahead_ms: 3_600_000,
        ..Reason::default()
    }
}

/// A reason in the words of the console.
fn why(reason: Reason) -> String {
    let mut series = violation::SeriesStatus {
        why: "English".to_owned(),
        reason: Some(reason),
        ..violation::SeriesStatus::default()
    };
    WALL.word_series(&mut series);
    series.why
}

/// Why nothing is expected, in the words of the console.
fn nothing_expected(kind: NoOutlook, absence: Option<Absence>) -> String {
    let mut series = violation::SeriesStatus {
        outlook: Some(violation::Outlook {
            no_outlook: kind.into(),
            problem: "raw".to_owned(),
            horizon: Some(sla_proto::convert::duration(86_400_000)),
            absence,
            ..violation::Outlook::default()
        }),
        ..violation::SeriesStatus::default()
    };
    WALL.word_series(&mut series);
    series.outlook.unwrap().problem
}

#[test]
fn why_nothing_is_expected_is_said_in_the_language_of_the_console() {
    let figures = Absence {
        newest: Some(timestamp(NOW_MS - 120_000)),
        samples: 7,
        known_ms: 7_200_000,
        most: 500,
        ..Absence::default()
    };
    let few = Absence { needed: 24, ..figures };
    for (kind, absence, english, italian) in [
        (NoOutlook::NoHistory, figures, "no history", "nessuna storia"),
        (
            NoOutlook::Silent,
            figures,
            "no data: newest sample 14:30 (2m)",
            "senza dati: ultimo campione 14:30 (2m)",
        ),
        (
            NoOutlook::HistoryTooShort,
            few,
            "too few finite samples (7): at least 24 are needed; wait for more history or widen the window",
            "troppo pochi campioni finiti (7): ne servono almeno 24; attendere altra storia o allargare la finestra",
        ),
        (
            NoOutlook::HistoryTooShort,
            figures,
            "history too short: 2h are known, a forecast of 1d needs as many",
            "storia troppo corta: ne sono noti 2h, una previsione di 1d ne richiede altrettanti",
        ),
        (
            NoOutlook::TooManySeries,
            figures,
            "evaluation.max_outlooks = 500 series are forecast, and this one is none of them",
            "evaluation.max_outlooks = 500 serie vengono previste, e questa non è tra loro",
        ),
        (NoOutlook::Refused, figures, "raw", "raw"),
    ] {
        speak(Language::Italian);
        assert_eq!(nothing_expected(kind, Some(absence)), italian);
        speak(Language::English);
        assert_eq!(nothing_expected(kind, Some(absence)), english);
        assert_eq!(
            nothing_expected(kind, None),
            "raw",
            "of a service that tells no figures"
        );
    }
}

/// A headline in the words of the console.
fn line(kind: HeadlineKind, reason: Option<Reason>) -> String {
    let mut overview = violation::Overview {
        told: vec![violation::Headline {
            kind: kind.into(),
            words: "raw".to_owned(),
            reason,
            ..headline()
        }],
        ..violation::Overview::default()
    };
    WALL.word(&mut overview);
    overview.headlines.remove(0)
}

#[test]
fn why_a_state_is_what_it_is_is_said_in_the_language_of_the_console() {
    for (kind, english, italian) in [
        (
            ReasonKind::WarningBound,
            "above the warning bound",
            "sopra la soglia di avviso",
        ),
        (
            ReasonKind::Forecast,
            "71 % to leave the range within 10m",
            "71 % che esca dall'intervallo entro 10m",
        ),
        (
            ReasonKind::Silent,
            "newest sample 14:30 (2m)",
            "ultimo campione 14:30 (2m)",
        ),
        (
            ReasonKind::NotFinite,
            "only NaN or infinite samples",
            "solo campioni NaN o infiniti",
        ),
        (
            ReasonKind::NoSeries,
            "no series matches the query",
            "nessuna serie corrisponde alla query",
        ),
        (
            ReasonKind::NotRead,
            "not all of it could be read since 14:30",
            "dalle 14:30 non si è potuto leggere tutto",
        ),
        (
            ReasonKind::NotYet,
            "the instant lies 1h in the future: nothing is known of it yet",
            "l'istante è 1h nel futuro: non se ne sa ancora nulla",
        ),
    ] {
        speak(Language::English);
        assert_eq!(why(reason(kind)), english);
        speak(Language::Italian);
        assert_eq!(why(reason(kind)), italian);
        let lost = Reason {
            violated_since: Some(timestamp(NOW_MS - 86_400_000)),
            series: "db-1".to_owned(),
            ..reason(kind)
        };
        assert_eq!(
            why(lost),
            format!("db-1: {italian}; in violazione all'ultima lettura, dalle 11-19 14:32")
        );
    }
    let never = || Reason {
        newest: None,
        ..reason(ReasonKind::NotRead)
    };
    speak(Language::English);
    assert_eq!(why(never()), "not all of it was read yet");
    speak(Language::Italian);
    assert_eq!(why(never()), "non è stato ancora letto tutto");
    speak(Language::English);
}

#[test]
fn what_is_wrong_is_said_in_the_language_of_the_console() {
    for (kind, english, italian) in [
        (HeadlineKind::Problem, "raw", "raw"),
        (
            HeadlineKind::Source,
            "source node_load1 host-3 fails since 14:21 (11m): raw",
            "la sorgente node_load1 host-3 è in errore dalle 14:21 (11m): raw",
        ),
        (
            HeadlineKind::Violated,
            "node_load1 host-3 above 4 since 14:21 (11m) worst 7.2",
            "node_load1 host-3 sopra 4 dalle 14:21 (11m) peggiore 7.2",
        ),
        (
            HeadlineKind::NoData,
            "node_load1 host-3 no data: raw",
            "node_load1 host-3 senza dati: raw",
        ),
        (
            HeadlineKind::NotWatched,
            "node_load1 host-3 is not active: it is not evaluated",
            "node_load1 host-3 non è attivo: non viene valutato",
        ),
    ] {
        speak(Language::English);
        assert_eq!(line(kind, None), english);
        speak(Language::Italian);
        assert_eq!(line(kind, None), italian);
    }
    assert!(line(HeadlineKind::AtRisk, Some(reason(ReasonKind::Forecast))).contains("a rischio: 71 %"));
    speak(Language::English);
    let mut driver = at("0", (120, 40), Language::Italian);
    driver.says("node_load1 host-3 sopra 4 dalle 14:21 (11m) peggiore 7.2");
    driver.keys(": \"language");
    driver.press(" ");
    driver.keys("\"en Enter");
    driver.says("node_load1 host-3 above 4 since 14:21 (11m) worst 7.2");
}

/// At each width the names of the tabs are whole, or their short forms, and all of them stand there.
#[test]
fn the_row_of_tabs_is_never_cut() {
    for language in [Language::English, Language::Italian] {
        for width in 30..=100 {
            let row = at("1", (width, 16), language).rows()[2].clone();
            for digit in '0'..='5' {
                assert!(row.contains(digit), "{digit} at {width}: {row}");
            }
            let words = row
                .split_whitespace()
                .filter(|word| word.chars().all(char::is_alphabetic));
            let titles = crate::command::Tab::ALL.map(|(tab, _)| tab.title()).join(" ");
            let short = crate::command::Tab::ALL.map(|(tab, _)| tab.short());
            for word in words {
                assert!(
                    titles.split(' ').any(|whole| whole == word) || short.contains(&word),
                    "{word} at {width}: {row}"
                );
            }
        }
    }
    speak(Language::English);
}
