//! The console in Italian, at several sizes.

use super::driver::Driver;
use super::frames::{PLACES, check};
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
