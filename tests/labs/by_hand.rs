//! What a student and an author type, with a small lab that needs nothing: so these run as an ordinary user, too.

use crate::harness::{Output, Rlab};
use std::path::PathBuf;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

const MANIFEST: &str = r#"
number = 1
title = "A small lab"
minutes = 15
about = "You can say what a script prints."
[values]
word = { words = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heath"] }
size = { from = 100, to = 900 }
[[experiment]]
id = "work"
script = "work.sh"
[[predict]]
id = "ends"
question = "Does it end with 0?"
answers = ["yes", "no"]
of = "work"
fact = "exit"
yes_if = { is = 0 }
hints = ["Nothing in it fails."]
[[question]]
id = "size"
question = "How large is it?"
[[check]]
id = "says"
say = "work.sh says {{word}}"
of = "work"
fact = "out"
is = "{{word}}"
hints = ["echo prints its arguments.", "echo {{word}}"]
[[check.mistake]]
id = "loud"
fact = "out"
has = "!"
say = "Without an exclamation mark."
[[check]]
id = "size"
say = "the size is {{size}}"
answer = "size"
is = "{{size}}"
hints = ["It stands in the task.", "{{size}}"]
[[wrong]]
id = "loud"
what = "shouts"
edit = [{ file = "work.sh", from = "{{word}}", to = "{{word}}!" }]
check = "says"
mistake = "loud"
[[wrong]]
id = "size"
what = "writes another size"
edit = [{ file = "answers.toml", from = "{{size}}", to = "7" }]
check = "size"
[[wrong]]
id = "ends"
what = "predicts a failure"
edit = [{ file = "answers.toml", from = "yes", to = "no" }]
check = "predict:ends"
"#;

/// An rlab with a course of one lab, and a folder for students.
struct School {
    rlab: Rlab,
}

impl School {
    fn new(manifest: &str) -> School {
        let school = School { rlab: Rlab::new() };
        let lab = school.lab();
        for (file, text) in [
            ("lab.toml", manifest),
            ("task.md", "# A small lab\n\nSay {{word}}; the size is {{size}}.\n"),
            ("starter/work.sh", "# Say {{word}}.\necho\n"),
            ("solution/work.sh", "echo {{word}}\n"),
            ("solution/answers.toml", "[predict]\nends = \"yes\"\n[saw]\nsize = {{size}}\n"),
        ] {
            let path = lab.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        school
    }

    fn lab(&self) -> PathBuf {
        self.rlab.folder().join("labs/01-small")
    }

    fn student(&self, name: &str) -> Student<'_> {
        Student { school: self, name: name.to_owned() }
    }

    fn prove(&self) -> Output {
        self.rlab.run(&["lab", "--labs", "labs", "prove"])
    }
}

struct Student<'a> {
    school: &'a School,
    name: String,
}

impl Student<'_> {
    fn types<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        [&["lab", "--labs", "labs", "--dir", &self.name, "--student", &self.name], words].concat()
    }

    fn run(&self, words: &[&str]) -> Output {
        self.school.rlab.run(&self.types(words))
    }

    fn folder(&self) -> PathBuf {
        self.school.rlab.folder().join(&self.name).join("01-small")
    }

    fn write(&self, file: &str, text: &str) {
        std::fs::write(self.folder().join(file), text).unwrap();
    }

    /// The two values, as the task tells them.
    fn values(&self) -> (String, String) {
        let task = std::fs::read_to_string(self.folder().join("TASK.md")).unwrap();
        let (word, size) = task.split_once("Say ").unwrap().1.split_once("; the size is ").unwrap();
        (word.to_owned(), size.trim().trim_end_matches('.').to_owned())
    }

    fn solve(&self) {
        let (word, size) = self.values();
        self.write("work.sh", &format!("echo {word}\n"));
        self.write("answers.toml", &format!("[predict]\nends = \"yes\"\n[saw]\nsize = {size}\n"));
    }
}

#[test]
fn a_student_starts_predicts_asks_and_passes() {
    let school = School::new(MANIFEST);
    let ada = school.student("ada");
    ada.run(&["check", "1"]).ended_with(125).told("has not been started").told("rlab lab start 1");
    ada.run(&["start", "small"]).succeeded().wrote_line("  rlab lab check 1");
    let (word, size) = ada.values();
    let blank = std::fs::read_to_string(ada.folder().join("answers.toml")).unwrap();
    assert!(blank.contains("# Does it end with 0? (yes, no)\nends = \"\""), "{blank}");
    ada.run(&["show", "1"]).succeeded().wrote_line_with(&word);

    // Nothing is run before the prediction is made, and is one of the answers; and no hint tells it.
    ada.write("work.sh", "touch ran; echo");
    ada.run(&["check", "1"]).ended_with(1).wrote_line_with("Predict first");
    for words in [&["hint", "1"][..], &["hint", "1", "ends"], &["hint", "1", "predict:ends"]] {
        ada.run(words).ended_with(125).told("asks for `ends` first");
    }
    ada.write("answers.toml", "[predict]\nends = \"of course\"\n");
    ada.run(&["check", "1"]).ended_with(1).wrote_line("       `of course` is none of yes, no");
    assert!(!ada.folder().join("ran").exists());

    ada.write("answers.toml", "[predict]\nends = \"no\"\n");
    ada.write("work.sh", &format!("echo {word}!"));
    let output = ada.run(&["check", "1"]).ended_with(1);
    let wanted = format!(
        "lab 1 · A small lab\n\n  no   Does it end with 0?\n       not observed yet: what shows it is not right yet, see below\n  \
         no   work.sh says {word}\n       found {word}!; wanted {word}\n       hint   Without an exclamation mark.\n  \
         no   the size is {size}\n       nothing is written down yet\n       hint   It stands in the task.\n\n\
         0 of 3 points · more help: rlab lab hint 1 says"
    );
    let output = output.wrote(&wanted);
    assert_eq!(output.stderr, "");

    // A prediction is marked once its experiment is right, and not before.
    ada.write("work.sh", &format!("echo {word}"));
    ada.run(&["check", "1"]).ended_with(1).wrote_line("       you predicted no; observed: yes");
    ada.run(&["hint", "1", "says"]).succeeded().wrote("says · hint 1 of 2\n   echo prints its arguments.");
    ada.run(&["hint", "1", "says"]).succeeded().wrote(&format!("says · hint 2 of 2, the last\n   echo {word}"));
    ada.run(&["hint", "1", "says"]).succeeded().wrote_line_with("2 of 2");
    ada.run(&["hint", "1", "nothing"]).ended_with(125).told("no check `nothing`");

    ada.solve();
    ada.run(&["check", "1"]).succeeded().wrote_line("3 of 3 points: done");
    ada.run(&["hint", "1"]).ended_with(125).told("nothing open");
    let aside = ada.folder().with_file_name("01-small.before-1");
    ada.run(&["solve", "1"]).succeeded().told("01-small.before-1");
    ada.run(&["check", "1"]).succeeded().wrote_line("3 of 3 points: done");
    assert!(aside.join("work.sh").exists());
    ada.run(&["list"]).succeeded().wrote_line("1     A small lab   15        done");
}

#[test]
fn what_a_student_wrote_is_never_lost() {
    let school = School::new(MANIFEST);
    let ada = school.student("ada");
    ada.run(&["start", "1"]).succeeded();
    ada.write("work.sh", "mine");
    ada.run(&["start", "1"]).ended_with(125).told("was started before");
    assert_eq!(std::fs::read_to_string(ada.folder().join("work.sh")).unwrap(), "mine");
    ada.run(&["reset", "1"]).succeeded().told("01-small.before-1");
    let aside = ada.folder().with_file_name("01-small.before-1").join("work.sh");
    assert_eq!(std::fs::read_to_string(aside).unwrap(), "mine");
    ada.write("answers.toml", "[predict]\nends = yes\n");
    ada.run(&["check", "1"]).ended_with(125).told("answers.toml").told("line 2");
    ada.run(&["start", "2"]).ended_with(125).told("there is no lab `2`");
}

#[test]
fn each_student_has_other_values_and_the_same_tomorrow() {
    let school = School::new(MANIFEST);
    let [ada, bob] = ["ada", "bob"].map(|name| school.student(name));
    for student in [&ada, &bob] {
        student.run(&["start", "1"]).succeeded();
    }
    assert_ne!(ada.values(), bob.values());
    let before = ada.values();
    ada.run(&["reset", "1"]).succeeded();
    assert_eq!(ada.values(), before);
    // Someone else in this folder, or with another seed, is told so.
    let words = ["lab", "--labs", "labs", "--dir", "ada", "--student", "bob", "list"];
    school.rlab.run(&words).ended_with(125).told("the folder of ada");
    ada.run(&["--seed", "7", "list"]).ended_with(125).told("seed 7").told("leave --student and --seed out");
}

#[test]
fn an_instructor_gets_one_file_for_a_class() {
    let school = School::new(MANIFEST);
    let [ada, bob] = ["ada", "bob"].map(|name| school.student(name));
    for student in [&ada, &bob] {
        student.run(&["start", "1"]).succeeded();
    }
    ada.write("answers.toml", "[predict]\nends = \"no\"\n");
    ada.run(&["check", "1"]).ended_with(1);
    ada.solve();
    ada.run(&["check", "1"]).succeeded();
    let words = ["lab", "--labs", "labs", "report", "ada", "bob/progress.json", "--format", "csv"];
    let report = school.rlab.run(&words).succeeded().stdout;
    let rows: Vec<Vec<&str>> = report.lines().skip(1).map(|line| line.trim_end().split(',').collect()).collect();
    // Points, of, first predictions right, predictions, checks, hints: the first prediction stays the first.
    assert_eq!((rows[0][0], &rows[0][5..12]), ("ada", &["3", "3", "0", "1", "2", "0", "false"][..]), "{report}");
    assert_eq!((rows[1][0], &rows[1][4..8]), ("bob", &["", "0", "3", "0"][..]), "{report}");
    school.rlab.run(&["lab", "--labs", "labs", "report", "nobody"]).ended_with(125).told("nobody");
}

#[test]
fn a_watched_lab_is_checked_when_a_file_is_saved() {
    let school = School::new(MANIFEST);
    let ada = school.student("ada");
    ada.run(&["start", "1"]).succeeded();
    let words = ada.types(&["watch", "1"]);
    let watching = school.rlab.start(&words);
    watching.wait_for_stderr("waiting for you", SOON);
    // What a script makes is not what the student saves.
    ada.write("work.sh", "echo >>made; echo no");
    ada.write("answers.toml", "[predict]\nends = \"yes\"\n");
    watching.wait_for_stdout("found no;", SOON);
    std::thread::sleep(Duration::from_secs(1));
    let made = std::fs::read_to_string(ada.folder().join("made")).unwrap();
    assert!(made.lines().count() <= 2, "checked again and again: {}", made.lines().count());
    ada.solve();
    let output = watching.wait(SOON).succeeded();
    assert!(output.stdout.contains("Predict first") && output.stdout.ends_with("3 of 3 points: done\n"), "{output}");
}

#[test]
fn a_lab_that_is_sound_is_proven() {
    School::new(MANIFEST).prove().succeeded().wrote_line("labs proven: 1; wrong: 0; not proven here: 0");
}

/// Each way in which a lab can be worth nothing is found.
#[test]
fn a_lab_that_is_unsound_is_told_what_is_wrong_with_it() {
    let spoil = |file: &str, from: &str, to: &str, told: &str| {
        let school = School::new(MANIFEST);
        let path = school.lab().join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file}: {from}");
        std::fs::write(&path, text.replace(from, to)).unwrap();
        let output = school.prove();
        assert_eq!(output.status.code(), Some(1), "{output}");
        assert!(output.stdout.contains(told), "no {told:?} in\n{output}");
    };
    spoil("solution/work.sh", "{{word}}", "x", "WRONG  the solution gets full marks");
    spoil("lab.toml", "to = \"7\"", "to = \"{{size}}\"", "WRONG  wrong: writes another size");
    spoil("lab.toml", "mistake = \"loud\"", "", "mistake loud, wanted none");
    spoil("lab.toml", "from = \"yes\"", "from = \"yesterday\"", "has no text `yesterday`");
    // A check that anything passes, or that is the same for everyone.
    spoil(
        "lab.toml",
        "answer = \"size\"\nis = \"{{size}}\"",
        "answer = \"size\"\nis_not = \"8\"",
        "nothing fails size",
    );
    spoil("starter/work.sh", "echo\n", "echo {{word}}\n", "WRONG  the starter with the solution's answers fails");
    let same_for_all = MANIFEST.replace("{{word}}", "w").replace("{{size}}", "5");
    let school = School::new(&same_for_all);
    for (file, text) in
        [("solution/work.sh", "echo w\n"), ("solution/answers.toml", "[predict]\nends = \"yes\"\n[saw]\nsize = 5\n")]
    {
        std::fs::write(school.lab().join(file), text).unwrap();
    }
    let output = school.prove().ended_with(1);
    assert!(output.stdout.contains("no check depends on a value"), "{output}");
}

#[test]
fn a_manifest_that_cannot_be_read_is_told_by_its_place() {
    let refused = |from: &str, to: &str, told: &str| {
        let school = School::new(&MANIFEST.replacen(from, to, 1));
        school.prove().ended_with(125).told("lab 01-small").told(told);
    };
    refused("is = \"{{word}}\"", "equals = \"{{word}}\"", "equals");
    refused("fact = \"out\"\nis", "fact = \"out\"\nof = \"other\"\nis", "duplicate key");
    refused("minutes = 15", "minutes = \"15\"", "minutes");
}

#[test]
fn what_did_not_come_to_pass_is_neither_right_nor_wrong() {
    let school = School::new(&MANIFEST.replacen("yes_if = { is = 0 }", "yes_if = { is_not = 1 }", 1));
    let ada = school.student("ada");
    ada.run(&["start", "1"]).succeeded();
    let (word, _) = ada.values();
    ada.write("answers.toml", "[predict]\nends = \"Yes\"\n");
    // As when rlab gave up before the program was started.
    ada.write("work.sh", &format!("echo {word}; echo 'rlab: no such image' >&2; exit 125"));
    ada.run(&["check", "1"]).ended_with(1).wrote_line("       rlab: no such image");
    std::fs::remove_file(ada.folder().join("work.sh")).unwrap();
    ada.run(&["check", "1"]).ended_with(1).wrote_line("       work.sh is not there");
    // What was written down counts in any case.
    ada.solve();
    ada.run(&["check", "1"]).succeeded().wrote_line("3 of 3 points: done");
}
