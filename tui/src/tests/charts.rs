//! Charts and tables while samples are missing, old or stored; from one violation to the next.

use super::driver::Driver;

#[test]
fn what_a_run_stored_is_told_with_its_age() {
    let mut driver = Driver::new(100, 30);
    driver.script.stored = true;
    driver.keys("r");
    driver.says("stored 5m ago");
}

#[test]
fn a_chart_is_hatched_from_when_on_nothing_could_be_read() {
    let mut driver = Driver::new(100, 30);
    driver.script.source_problem = "no route to host".into();
    driver.evaluate();
    driver.keys("j j Enter");
    driver.says("STALE");
    driver.script.source_problem = String::new();
    driver.evaluate();
    driver.says_not("STALE");
}

#[test]
fn brackets_lead_from_one_violation_of_a_chart_to_the_next() {
    let mut driver = Driver::new(100, 30);
    driver.script.gapped = true;
    driver.keys("j j Enter [");
    driver.says("14:21:05  ");
    driver.says("violated");
    driver.keys("[");
    driver.says("14:07:00  ");
    driver.keys("[");
    driver.says("no earlier violation of this series is in the ledger");
    driver.keys("]");
    driver.says("14:21:05  ");
    driver.keys("j Esc j Enter [");
    driver.says("no earlier violation of this series is in the ledger");
}

#[test]
fn what_goes_in_and_out_is_one_row_with_its_count() {
    let mut driver = Driver::new(120, 30);
    driver.script.flapping = true;
    driver.evaluate();
    driver.keys("0 r");
    // The one that is open for 10m55s, and four of half a minute.
    driver.says("5 times 13m");
    let rows = driver.rows();
    let told = rows
        .iter()
        .filter(|row| row.contains("node_load1") && row.contains("host-3"));
    assert_eq!(told.count(), 3, "headline, row and words\n{}", driver.screen());
}

#[test]
fn what_is_usual_at_this_hour_is_said_and_drawn() {
    let mut driver = Driver::new(100, 30);
    driver.keys("0");
    driver.says("usual at this hour: ");
    driver.says("(of 7 days)");
    driver.keys("Enter h");
    driver.says("  usual ");
}
