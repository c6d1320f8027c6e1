//! Every statement that the stores issue is accepted by every server: those of the conformance suites by running, and all
//! that stand in the source, also the rare ones, by PREPARE.

use std::path::Path;

use syn::visit::Visit;

use crate::servers::{drop_database, servers};

/// Statements in the stores, at least: fewer were found only if this test no longer finds them.
const AT_LEAST: usize = 55;

/// Collects the texts that are SQL.
#[derive(Default)]
struct Statements(Vec<String>);

impl<'ast> Visit<'ast> for Statements {
    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        let sql = text.value();
        let begins = |word: &str| sql.starts_with(word) && sql.contains(' ');
        if ["SELECT ", "UPDATE ", "DELETE "].into_iter().any(begins) {
            self.0.push(whole(&sql));
        }
    }
}

/// A list with one value; a list query with all that can be appended to it.
fn whole(sql: &str) -> String {
    let sql = sql.replace("(*)", "(?)");
    if sql.ends_with("WHERE ") {
        format!("{sql}id = ? ORDER BY id DESC LIMIT ?")
    } else {
        sql
    }
}

fn collect(folder: &Path, into: &mut Statements) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.file_name().unwrap() != "probe.rs" {
            let file = syn::parse_file(&std::fs::read_to_string(&path).unwrap()).unwrap();
            into.visit_file(&file);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "real server: dev/test"]
async fn every_statement_is_prepared() {
    let mut statements = Statements::default();
    collect(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"),
        &mut statements,
    );
    let mut all = statements.0;
    // Rows are locked by the same words on each server.
    let locking: Vec<String> = all
        .iter()
        .filter(|sql| sql.starts_with("SELECT") && !sql.contains("LIMIT") && !sql.contains("MAX("))
        .map(|sql| format!("{sql} FOR UPDATE"))
        .collect();
    assert!(all.len() >= AT_LEAST, "found only {} statements", all.len());
    all.extend(locking);
    for server in servers() {
        let store = server.store("statements").await;
        let refused = store.refuses(all.clone()).await.unwrap();
        assert!(refused.is_empty(), "{} refuses {refused:#?}", server.name);
        // The test can fail.
        let bad = store
            .refuses(vec!["SELECT partition FROM result".to_owned()])
            .await
            .unwrap();
        assert_eq!(bad.len(), 1);
        println!("{}: {} statements prepared", server.name, all.len());
        drop_database(store).await;
    }
}
