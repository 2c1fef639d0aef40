use super::*;

#[test]
fn a_line_without_an_end_is_kept_as_far_as_anybody_reads() {
    let mut secrets = Secrets::default();
    secrets.keep("pw", "hunter22".repeat(100));

    let shown = |said: &str| {
        let mut reader = BufReader::with_capacity(1000, said.as_bytes());
        let mut lines = Vec::new();
        while let Some(line) = next(&mut reader).unwrap() {
            lines.push(line.shown(&secrets));
        }
        lines
    };

    assert_eq!(shown("one\r\n\ntwo"), ["one", "", "two"]);
    let long = "x".repeat(LINE + LONGEST_SECRET + 1);
    for said in [format!("{long}\nnext\n"), format!("{long}{long}\nnext")] {
        let lines = shown(&said);
        assert_eq!(lines.len(), 2);

        assert!(
            lines[0].len() < LINE + 30
                && lines[0].starts_with("xxx")
                && lines[0].contains(" [... "),
            "{}",
            lines[0].len()
        );

        assert_eq!(lines[1], "next");
    }

    // whole, and cut anywhere
    for before in (LINE - 900..LINE + LONGEST_SECRET).step_by(397) {
        let lines = shown(&format!("{}{}{long}\n", "y".repeat(before), "hunter22".repeat(100)));
        assert!(!lines[0].contains("hunter"), "{before}");
    }
}

#[test]
fn lines_that_nobody_hears_yet_are_few() {
    let (reader, writer) = std::io::pipe().unwrap();
    let lines = lines(reader);

    let says = std::thread::spawn(move || {
        let mut writer = writer;
        (0..200).try_for_each(|_| {
            io::Write::write_all(&mut writer, format!("{}\n", "x".repeat(LINE)).as_bytes())
        })
    });

    std::thread::sleep(Duration::from_millis(100));
    assert!(!says.is_finished(), "it waits for whoever listens");
    assert_eq!(lines.iter().count(), 200);
    says.join().unwrap().unwrap();
}
