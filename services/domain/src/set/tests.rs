use super::*;
use crate::objective::ObjectiveId;
use crate::query::Query;
use crate::range::AllowedRange;
use crate::target::Target;

fn objective(id: &str, name: &str, max: f64) -> Objective {
    Objective::new(
        ObjectiveId::new(id).unwrap(),
        name,
        Query::parse("up").unwrap(),
        AllowedRange::at_most(max).unwrap(),
    )
}

fn set(objectives: Vec<Objective>) -> SlaSet {
    SlaSet {
        id: SetId::new(SetId::DEFAULT).unwrap(),
        name: "Default".into(),
        description: String::new(),
        objectives,
        version: 7,
        author: "ops".into(),
        updated_ms: 0,
    }
}

#[test]
fn duplicates_and_limits_are_refused() {
    assert!(
        set(vec![objective("a", "A", 1.0), objective("b", "B", 1.0)])
            .check()
            .is_empty()
    );
    let twice = set(vec![objective("a", "A", 1.0), objective("a", "a", 1.0)]).check();
    let fields: Vec<&str> = twice.iter().map(|invalid| invalid.field.as_str()).collect();
    assert_eq!(fields, ["objectives[1].name", "objectives[1].id"]);
    let many = (0..=SlaSet::MAX_OBJECTIVES).map(|n| objective(&format!("o{n}"), &format!("o{n}"), 1.0));
    assert_eq!(set(many.collect()).check()[0].field, "objectives");
    let mut texts = set(Vec::new());
    texts.name = String::new();
    texts.description = "x".repeat(SlaSet::MAX_DESCRIPTION_CHARS + 1);
    texts.author = "a\u{1b}[2J".into();
    let fields: Vec<String> = texts.check().into_iter().map(|invalid| invalid.field).collect();
    assert_eq!(fields, ["name", "description", "author"]);
    texts = set(Vec::new());
    texts.name = ALL_SETS.into();
    assert_eq!(texts.check()[0].field, "name", "it would mean all sets");
    texts = set(Vec::new());
    texts.description = format!("two\nlines {}", "y".repeat(SlaSet::MAX_DESCRIPTION_CHARS - 10));
    assert_eq!(texts.check(), Vec::new());
}

#[test]
fn a_plan_names_what_is_added_changed_and_removed() {
    let current = set(vec![
        objective("a", "A", 1.0),
        objective("b", "B", 1.0),
        objective("c", "C", 1.0),
    ]);
    let mut retargeted = objective("b", "B", 1.0);
    retargeted.target = Some(Target::parse("99").unwrap());
    let wanted = set(vec![objective("a", "A", 2.0), retargeted, objective("d", "D", 1.0)]);
    let plan = SetPlan::new(Some(&current), &wanted);
    assert_eq!(plan.added.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["D"]);
    assert_eq!(plan.removed.iter().map(|o| o.name.as_str()).collect::<Vec<_>>(), ["C"]);
    assert_eq!(plan.changed.len(), 2);
    assert!(plan.changed[0].new_generation);
    assert_eq!(plan.changed[0].after.generation, 2);
    assert_eq!(plan.changed[0].fields, ["range"]);
    assert!(!plan.changed[1].new_generation);
    assert_eq!(plan.changed[1].after.generation, 1);
    assert!(SetPlan::new(Some(&plan.after), &plan.after).is_empty());
}

#[test]
fn files_without_ids_keep_the_ids_of_equal_names() {
    let current = set(vec![objective("a", "A", 1.0), objective("b", "B", 1.0)]);
    let wanted = set(vec![objective("new-1", "b", 1.0), objective("new-2", "A", 1.0)]);
    let plan = SetPlan::new(Some(&current), &wanted);
    assert!(plan.added.is_empty() && plan.removed.is_empty());
    assert_eq!(plan.fields, ["order"]);
    assert_eq!(plan.after.objectives[0].id.as_str(), "b");
    assert_eq!(plan.changed[0].fields, ["name"]);
    // A rename by id beside a new objective that takes the old name.
    let swapped = set(vec![
        objective("a", "Z", 1.0),
        objective("n", "A", 1.0),
        objective("b", "B", 1.0),
    ]);
    let plan = SetPlan::new(Some(&current), &swapped);
    assert_eq!(plan.changed[0].fields, ["name"]);
    assert_eq!(plan.added[0].name, "A");
    assert_eq!(plan.added[0].id.as_str(), "n");
}

#[test]
fn a_first_save_adds_everything() {
    let plan = SetPlan::new(None, &set(vec![objective("a", "A", 1.0)]));
    assert_eq!(plan.added.len(), 1);
    assert!(!plan.is_empty());
}
