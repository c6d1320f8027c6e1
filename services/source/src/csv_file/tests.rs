//! Files as people and spreadsheets write them.

use super::*;

fn read(text: &str) -> Result<Read, String> {
    chosen(text, None, None)
}

fn chosen(text: &str, value: Option<&str>, label: Option<&str>) -> Result<Read, String> {
    parse(text, Columns { value, label }).map_err(|invalid| invalid.to_string())
}

#[test]
fn what_is_read_and_what_is_told() {
    for (name, text, values, remarks) in [
        ("plain", "0,1\n15,2\n", vec![1.0, 2.0], ""),
        (
            "three forms of time",
            "time,value\n1700000000,1\n1700000015000,2\n2023-11-14T22:13:50Z,3\n",
            vec![1.0, 2.0, 3.0],
            "",
        ),
        (
            "tabs, quotes, comments",
            "# noon\r\n\r\n\"time\"\t\"value\"\r\n0\t\"1\"\r\n15\t2\r\n",
            vec![1.0, 2.0],
            "1 line begins with # and is left out",
        ),
        (
            "a separator announced",
            "sep=;\n\"Time\";\"Value\"\n0;1\n15;2\n",
            vec![1.0, 2.0],
            "",
        ),
        ("carriage returns only", "Time,Value\r0,1\r15,2", vec![1.0, 2.0], ""),
        ("byte order mark", "\u{feff}time,value\n0,1\n15,2\n", vec![1.0, 2.0], ""),
        (
            "text marks of a spreadsheet",
            "\"0\";\"'-0.5\"\n\"15\";\"'2\"\n",
            vec![-0.5, 2.0],
            "",
        ),
        (
            "times without seconds",
            "2026-11-20 10:00,1\n2026-11-20 10:01,2\n",
            vec![1.0, 2.0],
            "times that say no zone are read as UTC",
        ),
        (
            "a name with the separator",
            "time,value\n\"0\",\"1\"\n15,2\n",
            vec![1.0, 2.0],
            "",
        ),
        (
            "columns named by numbers",
            "Time,1,2\n0,5,6\n",
            vec![5.0],
            "the values are those of 1; not read: 2",
        ),
        (
            "further values",
            "Time,web-1,web-2\n0,1,9\n15,2,9\n",
            vec![1.0, 2.0],
            "the values are those of web-1; not read: web-2",
        ),
        (
            "repeated times",
            "0,1\n0,2\n0,3\n15,4\n",
            vec![3.0, 4.0],
            "2 lines repeat a time",
        ),
    ] {
        let read = read(text).unwrap_or_else(|words| panic!("{name}: {words}"));
        assert_eq!(read.samples.values, values, "{name}");
        assert!(read.remarks.join("\n").contains(remarks), "{name}: {:?}", read.remarks);
        assert_eq!(
            read.remarks.is_empty(),
            remarks.is_empty(),
            "{name}: {:?}",
            read.remarks
        );
    }
    let ended = read("0,1\n15,stale\n30,\n").unwrap();
    assert!(sla_domain::is_stale(ended.samples.values[1]) && ended.samples.values[2].is_nan());
    assert_eq!(ended.remarks, ["2 of 3 lines hold no number"]);
}

#[test]
fn what_is_refused_names_its_line_and_column() {
    for (name, text, words) in [
        ("decimal comma beside commas", "time,value\n0,1,5\n", "line 2 column 3"),
        (
            "decimal comma beside semicolons",
            "time;value\n0;1,5\n",
            "line 2 column 2 is 1,5",
        ),
        ("thousands", "time,value\n0,\"1,000\"\n", "line 2 column 2 is 1,000"),
        (
            "comma before milliseconds",
            "2026-11-20 10:00:00,500,1\n",
            "line 1 column 3",
        ),
        (
            "comma before milliseconds, quoted",
            "\"2026-11-20 10:00:00,500\",1\n",
            "line 1 column 1",
        ),
        ("decimal comma without a head", "0,1,5\n15,2,5\n", "--value-column 2"),
        ("another separator later", "0,1\n15;2\n", "line 2 column 2"),
        ("a word", "0,1\n15,2\nhello,x\n", "line 3 column 1 is hello"),
        ("a second head", "time,value\ntime,value\n", "line 2 column 1"),
        (
            "a first line that is no head",
            "t1795168800,999\n1795168860,1\n",
            "line 1 column 1 is t1795168800",
        ),
        ("one column", "17\n", "has one column"),
        ("hexadecimal", "1,0x10\n", "is no number"),
        ("nanoseconds", "0,1\n1700000000000000000,2\n", "line 2 column 1"),
        (
            "a line too short",
            "0,1\n15\n",
            "has 1 column where the first line has 2",
        ),
        (
            "a quote that stays open in a column that is not read",
            "time,value,note\n0,1,a\n15,2,\"oops\n30,2000,b\n",
            "line 3 column 3 is oops: goes on in the next line",
        ),
        (
            "what could not be worked out",
            "0,1\n#REF!,5\n",
            "line 2 column 1 is #REF!",
        ),
        (
            "the same in the first line",
            "#N/A,7\n15,2\n",
            "line 1 column 1 is #N/A",
        ),
        (
            "a word for a time in the first line",
            "noon,999\n15,2\n",
            "line 1 column 1 is noon",
        ),
        ("no number for a time", "NaN,5\n15,2\n", "line 1 column 1 is NaN"),
        (
            "more than a number holds",
            "0,1e400\n",
            "line 1 column 2 is 1e400: is no number",
        ),
    ] {
        let refusal = read(text).err().unwrap_or_else(|| panic!("{name}: taken"));
        assert!(refusal.contains(words), "{name}: {refusal}");
    }
}

#[test]
fn columns_can_be_chosen() {
    let wide = "Time,web-1,web-2\n0,1,8\n15,2,9\n";
    for column in ["web-2", "3"] {
        let read = chosen(wide, Some(column), None).unwrap();
        assert_eq!(read.samples.values, [8.0, 9.0]);
    }
    let refusal = chosen(wide, Some("web-9"), None).unwrap_err();
    assert!(refusal.contains("it has Time, web-1, web-2"), "{refusal}");
    assert!(chosen(wide, Some("1"), None).unwrap_err().contains("is the time"));
    let twice = "time,cpu,cpu\n0,1,8\n";
    assert!(
        chosen(twice, Some("cpu"), None)
            .unwrap_err()
            .contains("is the name of 2 columns")
    );
    assert_eq!(chosen(twice, Some("3"), None).unwrap().samples.values, [8.0]);

    let long = "timestamp,value,instance\n0,1,a\n0,8,b\n15,2,a\n15,9,b\n";
    let read = chosen(long, None, Some("instance=b")).unwrap();
    assert_eq!(read.samples.values, [8.0, 9.0]);
    assert_eq!(read.remarks, ["2 lines of other series are left out"]);
    let whole = chosen(long, None, None).unwrap();
    assert!(whole.remarks[0].contains("not read: instance"), "{:?}", whole.remarks);
    assert!(
        whole.remarks[1].contains("2 lines repeat a time"),
        "{:?}",
        whole.remarks
    );
    assert!(
        chosen(long, None, Some("instance"))
            .unwrap_err()
            .contains("instance=web-1")
    );
}

#[test]
fn times_that_may_mean_something_else_are_refused() {
    for (text, what) in [
        ("time,v\n20231114221320,1\n20231114221335,90\n", "date in digits"),
        ("time,v\n202311142213,1\n", "date in digits"),
        ("time,v\n20231114,1\n20231115,90\n20231116,1\n", "date in digits"),
        ("time,v\n45244.925,1\n45244.926,90\n", "day of a spreadsheet"),
        ("time,v\n45244,1\n45245,90\n", "day of a spreadsheet"),
    ] {
        let refused = read(text).unwrap_err();
        let (field, fix) = ("line 2 column 1", "RFC 3339");
        assert!(
            [field, what, fix].iter().all(|word| refused.contains(word)),
            "{text}: {refused}"
        );
    }
    // Seconds that pass such a number mean seconds.
    for text in [
        "20231100,1\n20231114,2\n20231128,3\n",
        "36500,1\n36600,2\n",
        "20231399,1\n",
    ] {
        let read = read(text).unwrap();
        assert_eq!(read.remarks.len(), 1);
        assert!(read.remarks[0].contains("of 1970"), "{:?}", read.remarks);
    }
    for text in ["0,1\n20231114,2\n45244,3\n", "1700000000,1\n1700000015,1\n"] {
        assert!(read(text).unwrap().remarks.is_empty(), "{text}");
    }
}
