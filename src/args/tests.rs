//! The command line, as tables.

use super::*;

fn read(line: &[&str], env: &[(&str, &str)]) -> Result<Command, Error> {
    let env = |name: &str| {
        let found = env.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| OsString::from(value))
    };
    parse(line.iter().map(OsString::from), &env)
}

fn options(line: &[&str], env: &[(&str, &str)]) -> Options {
    match read(line, env) {
        Ok(Command::Run(options)) => options,
        other => panic!("{line:?} {env:?}: {other:?}"),
    }
}

fn with(change: impl FnOnce(&mut Options)) -> Options {
    let mut options = Options::default();
    change(&mut options);
    options
}

#[test]
fn the_oldest_promise_is_kept() {
    let line = "--host 127.0.0.1 --port 8080 --worker 4 --timeout-ms 2000 --max-header-size 8192";
    let line: Vec<&str> = line.split(' ').collect();
    let want = with(|o| {
        o.hosts = vec!["127.0.0.1".to_owned()];
        o.workers = Workers::Exactly(4);
        o.timeout_ms = 2000;
        o.max_header_size = 8192;
    });
    assert_eq!(options(&line, &[]), want);
}

#[test]
fn flags_can_be_spelled_in_every_usual_way() {
    let port = with(|o| o.port = 81);
    let root = with(|o| o.root = Some("site".into()));
    for (name, line, want) in [
        ("nothing", &[][..], Options::default()),
        ("long", &["--port", "81"], port.clone()),
        ("long, equals", &["--port=81"], port.clone()),
        ("short", &["-p", "81"], port.clone()),
        ("short, attached", &["-p81"], port.clone()),
        ("short, equals", &["-p=81"], port.clone()),
        ("the last wins", &["-p1", "--port", "2", "-p81"], port),
        ("ROOT", &["site"], root.clone()),
        ("-d", &["-d", "site"], root.clone()),
        ("--root", &["--root=site"], root.clone()),
        ("-d, then ROOT", &["-d", "other", "site"], root.clone()),
        ("after --", &["--", "site"], root),
        (
            "a ROOT like a flag",
            &["--", "--port"],
            with(|o| o.root = Some("--port".into())),
        ),
        (
            "alias",
            &["--workers=3"],
            with(|o| o.workers = Workers::Exactly(3)),
        ),
        ("auto", &["-w3", "-wauto"], Options::default()),
        ("a switch", &["--hidden"], with(|o| o.hidden = true)),
        ("another", &["--spa"], with(|o| o.spa = true)),
        (
            "switches in one word, then a value",
            &["-vp81"],
            with(|o| {
                o.port = 81;
                o.log_level = Level::Debug;
            }),
        ),
        (
            "hosts add up",
            &["--host", "::1", "--host=[::]", "--host", "unix:/run/x.sock"],
            with(|o| o.hosts = ["::1", "::", "unix:/run/x.sock"].map(String::from).into()),
        ),
        (
            "restarts",
            &["--max-restarts", "3/5"],
            with(|o| o.max_restarts = (3, 5)),
        ),
        (
            "caching",
            &["--cache=off", "--cache", "60"],
            with(|o| o.cache = Caching::Seconds(60)),
        ),
        (
            "error pages add up",
            &[
                "--error-page=404=/404.html",
                "--error-page",
                "503=/a=b?.txt",
            ],
            with(|o| o.error_pages = vec![(404, "/404.html".into()), (503, "/a=b?.txt".into())]),
        ),
        (
            "types add up",
            &["--mime=a=b/c;d=e", "--mime", "f=g/h", "--mime-types=x"],
            with(|o| {
                o.mime = vec![("a".into(), "b/c;d=e".into()), ("f".into(), "g/h".into())];
                o.mime_types = Some("x".into());
            }),
        ),
        (
            "headers and origins add up",
            &[
                "--header=A: b: c",
                "--header",
                "D:",
                "--cors=http://a",
                "--cors",
                "http://b",
            ],
            with(|o| {
                o.headers = vec![("A".into(), "b: c".into()), ("D".into(), "".into())];
                o.cors = vec!["http://a".into(), "http://b".into()];
            }),
        ),
        (
            "quiet",
            &["-q"],
            with(|o| {
                o.log = Some(LogFormat::None);
                o.log_level = Level::Warn;
            }),
        ),
        (
            "an empty value",
            &["--server-name="],
            with(|o| o.server_name.clear()),
        ),
        (
            "a value that begins with a dash",
            &["--index=-x"],
            with(|o| o.index = "-x".to_owned()),
        ),
    ] {
        assert_eq!(options(line, &[]), want, "{name}");
    }
    for (name, line, want) in [
        (
            "help",
            &["--port", "1", "-h", "--nonsense"][..],
            Command::Help,
        ),
        ("help in a word", &["-qh"], Command::Help),
        ("version", &["-V"], Command::Version),
        ("long version", &["--version"], Command::Version),
    ] {
        assert_eq!(read(line, &[]), Ok(want), "{name}");
    }
}

#[test]
fn status_is_a_command_where_it_comes_first() {
    let at = |admin: &str| Ok(Command::Status(admin.to_owned()));
    let root = |o: Options| Ok(Command::Run(o));
    for (name, line, env, want) in [
        (
            "a flag",
            &["status", "--admin", "[::1]:9"][..],
            &[][..],
            at("[::1]:9"),
        ),
        ("equals", &["status", "--admin=unix:/x"], &[], at("unix:/x")),
        (
            "the last wins",
            &["status", "--admin=off", "--admin=localhost:1"],
            &[],
            at("localhost:1"),
        ),
        (
            "a variable",
            &["status"],
            &[("HTTPRS_ADMIN", "1.2.3.4:5")],
            at("1.2.3.4:5"),
        ),
        (
            "a flag beats it",
            &["status", "--admin=[::1]:9"],
            &[("HTTPRS_ADMIN", "x")],
            at("[::1]:9"),
        ),
        (
            "other variables are the server's",
            &["status"],
            &[("HTTPRS_ADMIN", "unix:a"), ("HTTPRS_PORT", "x")],
            at("unix:a"),
        ),
        ("help", &["status", "--help"], &[], Ok(Command::Help)),
        ("help, short", &["status", "-h"], &[], Ok(Command::Help)),
        (
            "a directory",
            &["./status"],
            &[],
            root(with(|o| o.root = Some("./status".into()))),
        ),
        (
            "not the first",
            &["-p1", "status"],
            &[],
            root(with(|o| {
                o.port = 1;
                o.root = Some("status".into());
            })),
        ),
        (
            "after --",
            &["--", "status"],
            &[],
            root(with(|o| o.root = Some("status".into()))),
        ),
        (
            "served there",
            &["--admin=127.0.0.1:9090"],
            &[],
            root(with(|o| o.admin = Some("127.0.0.1:9090".to_owned()))),
        ),
        (
            "off beats a variable",
            &["--admin=off"],
            &[("HTTPRS_ADMIN", "unix:a")],
            root(Options::default()),
        ),
    ] {
        assert_eq!(read(line, env), want, "{name}");
    }
}

#[test]
fn a_root_need_not_be_text() {
    let odd = || os_string(b"si\xffte");
    let mut flag = OsString::from("--root=");
    flag.push(odd());
    for line in [vec![odd()], vec![flag], vec!["-d".into(), odd()]] {
        let Ok(Command::Run(options)) = parse(line.clone().into_iter(), &|_| None) else {
            panic!("{line:?}");
        };
        assert_eq!(options.root, Some(odd().into()), "{line:?}");
    }
}

#[test]
fn the_nearest_source_wins() {
    for (name, line, env, port) in [
        ("default", &[][..], &[][..], 8080),
        ("platform", &[], &[("PORT", "1")], 1),
        ("ours", &[], &[("PORT", "1"), ("HTTPRS_PORT", "2")], 2),
        ("flag", &["-p3"], &[("PORT", "1"), ("HTTPRS_PORT", "2")], 3),
        (
            "empty is unset",
            &[],
            &[("PORT", "1"), ("HTTPRS_PORT", "")],
            1,
        ),
        (
            "a flag helps against a bad variable",
            &["-p3"],
            &[("HTTPRS_PORT", "x")],
            3,
        ),
        (
            "ours helps against the platform's",
            &[],
            &[("PORT", "x"), ("HTTPRS_PORT", "2")],
            2,
        ),
        (
            "a link of Kubernetes is not meant for us",
            &[],
            &[("HTTPRS_PORT", "tcp://10.0.0.1:80")],
            8080,
        ),
    ] {
        assert_eq!(options(line, env).port, port, "{name}");
    }
    let two = with(|o| o.hosts = vec!["::1".to_owned(), "127.0.0.1".to_owned()]);
    assert_eq!(options(&[], &[("HTTPRS_HOST", "::1, 127.0.0.1")]), two);
    let pages = options(&[], &[("HTTPRS_ERROR_PAGE", "404=/a, 500=/b")]).error_pages;
    assert_eq!(pages, [(404, "/a".to_owned()), (500, "/b".to_owned())]);
    let lines = options(&[], &[("HTTPRS_HEADER", "A: b, c\n\r\n D: e\n")]).headers;
    let want = [("A", "b, c"), ("D", "e")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(lines, want);
    let flag = options(&["--host=::"], &[("HTTPRS_HOST", "::1")]);
    assert_eq!(
        flag.hosts,
        ["::"],
        "hosts of flags replace those of the environment"
    );
    let six = options(&[], &[("WEB_CONCURRENCY", "6")]);
    assert_eq!(six.workers, Workers::Exactly(6));
    assert!(options(&[], &[("HTTPRS_HIDDEN", "true")]).hidden);
    assert!(!options(&[], &[("HTTPRS_HIDDEN", "0")]).hidden);
    assert!(options(&["--hidden"], &[("HTTPRS_HIDDEN", "0")]).hidden);
    let both = options(&[], &[("HTTPRS_QUIET", "1"), ("HTTPRS_LOG", "json")]);
    assert_eq!(
        both.log,
        Some(LogFormat::Json),
        "the special beats the general"
    );
}

#[test]
fn what_is_about_files_is_known() {
    for (line, want) in [
        (&[][..], None),
        (&["--port=1", "--host=::1", "-q"], None),
        (&["--spa"], Some("--spa")),
        (&["--listing"], Some("--listing")),
        (&["--error-page=404=/x"], Some("--error-page")),
        (&["--mime=a=b/c"], Some("--mime")),
        (&["--mime-types=x"], Some("--mime-types")),
        (&["--header=A: b"], Some("--header")),
        (&["--cors=*"], Some("--cors")),
    ] {
        assert_eq!(options(line, &[]).about_files(), want, "{line:?}");
    }
}

#[test]
fn every_error_is_one_line_with_cause_and_cure() {
    for (line, env, code, want) in [
        (
            &["--prot", "1"][..],
            &[][..],
            64,
            "unknown flag \"--prot\"; did you mean --port?",
        ),
        (
            &["--timeout", "1"],
            &[],
            64,
            "unknown flag \"--timeout\"; did you mean --timeout-ms?",
        ),
        (
            &["--wrokers=1"],
            &[],
            64,
            "unknown flag \"--wrokers\"; did you mean --workers?",
        ),
        (&["-x"], &[], 64, "unknown flag \"-x\"; see --help"),
        (
            &["--frobnicate"],
            &[],
            64,
            "unknown flag \"--frobnicate\"; see --help",
        ),
        (
            &["-port"],
            &[],
            64,
            "-p got \"ort\", but expects a number from 0 to 65535",
        ),
        (&["--port"], &[], 64, "--port needs a value: --port PORT"),
        (
            &["--port", "--hidden"],
            &[],
            64,
            "--port needs a value: --port PORT",
        ),
        (&["-w"], &[], 64, "-w needs a value: -w N|auto"),
        (
            &["--port=65536"],
            &[],
            64,
            "--port got \"65536\", but expects a number from 0 to 65535",
        ),
        (
            &["--port=+1"],
            &[],
            64,
            "--port got \"+1\", but expects a number from 0 to 65535",
        ),
        (
            &["--port="],
            &[],
            64,
            "--port got \"\", but expects a number from 0 to 65535",
        ),
        (
            &["-p", "a\nb"],
            &[],
            64,
            "-p got \"a\\nb\", but expects a number from 0 to 65535",
        ),
        (
            &["-w0"],
            &[],
            64,
            "-w got \"0\", but expects auto or a number from 1 to 512",
        ),
        (
            &["-w513"],
            &[],
            64,
            "-w got \"513\", but expects auto or a number from 1 to 512",
        ),
        (
            &["-t", "2s"],
            &[],
            64,
            "-t got \"2s\", but expects milliseconds, a plain number from 1 to 86400000",
        ),
        (
            &["--max-header-size=255"],
            &[],
            64,
            "--max-header-size got \"255\", but expects bytes, a plain number from 256 to 1048576",
        ),
        (
            &["--host=127.0.0.1:80"],
            &[],
            64,
            "--host got \"127.0.0.1:80\", but expects an IPv4 or IPv6 address, localhost, \
             or unix:/path; the port goes to --port",
        ),
        (
            &["--max-restarts=10"],
            &[],
            64,
            "--max-restarts got \"10\", but expects deaths/seconds, such as 10/60 \
             (1 to 1000, 1 to 3600)",
        ),
        (
            &["--log=xml"],
            &[],
            64,
            "--log got \"xml\", but expects one of text, json, common, none",
        ),
        (
            &["--cache=1h"],
            &[],
            64,
            "--cache got \"1h\", but expects auto, off, or seconds, a plain number from 0 to \
             31536000",
        ),
        (
            &["--index=../x"],
            &[],
            64,
            "--index got \"../x\", but expects the name of a file, without slashes",
        ),
        (
            &["--error-page", "404"],
            &[],
            64,
            "--error-page got \"404\", but expects CODE=PATH, such as 404=/404.html \
             (400 to 599, a path from the root)",
        ),
        (
            &["--header", "X-A"],
            &[],
            64,
            "--header got \"X-A\", but expects 'NAME: VALUE', such as \
             'Referrer-Policy: no-referrer'",
        ),
        (
            &["--cors=http://a", "--cors=*"],
            &[],
            64,
            "--cors got \"*\", but expects either * or origins such as https://app.example",
        ),
        (
            &["--cors=*", "--cors=http://a"],
            &[],
            64,
            "--cors got \"http://a\", but expects either * or origins such as \
             https://app.example",
        ),
        (
            &["--mime=gcode"],
            &[],
            64,
            "--mime got \"gcode\", but expects EXT=TYPE, such as gcode=text/x-gcode",
        ),
        (
            &["--server-name=a\r\nb"],
            &[],
            64,
            "--server-name got \"a\\r\\nb\", but expects at most 128 printable ASCII characters, \
             no blanks at the ends",
        ),
        (
            &["--hidden=1"],
            &[],
            64,
            "--hidden takes no value, but got \"1\"; leave it out",
        ),
        (
            &["a", "b"],
            &[],
            64,
            "unexpected argument \"b\"; one ROOT is all there is",
        ),
        (&[""], &[], 64, "ROOT got \"\", but expects a directory"),
        (
            &[],
            &[("PORT", "x")],
            78,
            "PORT got \"x\", but expects a number from 0 to 65535",
        ),
        (
            &[],
            &[("HTTPRS_WORKER", "x")],
            78,
            "HTTPRS_WORKER got \"x\", but expects auto or a number from 1 to 512",
        ),
        (
            &[],
            &[("HTTPRS_HIDDEN", "yes")],
            78,
            "HTTPRS_HIDDEN got \"yes\", but expects 1, true, 0 or false",
        ),
        (
            &["--admin", ":9090"],
            &[],
            64,
            "--admin got \":9090\", but expects an address with its port, such as 127.0.0.1:9090, \
             [::1]:9090 or localhost:9090, or unix:/path, or off",
        ),
        (
            &["status"],
            &[],
            64,
            "status needs the address that the server has as its --admin: give it here, too, or in \
             HTTPRS_ADMIN",
        ),
        (
            &["status", "--admin=off"],
            &[],
            64,
            "status needs the address that the server has as its --admin: give it here, too, or in \
             HTTPRS_ADMIN",
        ),
        (
            &["status"],
            &[("HTTPRS_ADMIN", "here")],
            78,
            "HTTPRS_ADMIN got \"here\", but expects an address with its port, such as \
             127.0.0.1:9090, [::1]:9090 or localhost:9090, or unix:/path, or off",
        ),
        (
            &["status", "site"],
            &[],
            64,
            "unexpected argument \"site\"; --admin is all that `httprs status` takes, and ./status \
             is the directory",
        ),
        (
            &["status", "--port=1"],
            &[],
            64,
            "unexpected argument \"--port\"; --admin is all that `httprs status` takes, and \
             ./status is the directory",
        ),
        (
            &["status", "--adm"],
            &[],
            64,
            "unknown flag \"--adm\"; did you mean --admin?",
        ),
        (
            &["--drain-delay-ms", "9000"],
            &[],
            64,
            "--drain-delay-ms 9000 leaves no time to drain; it must be less than \
             --drain-timeout-ms, which bounds both and is 8000",
        ),
        (
            &["--drain-timeout-ms", "500"],
            &[("HTTPRS_DRAIN_DELAY_MS", "500")],
            64,
            "--drain-delay-ms 500 leaves no time to drain; it must be less than \
             --drain-timeout-ms, which bounds both and is 500",
        ),
        (
            &[],
            &[("HTTPRS_DRAIN_DELAY_MS", "8000")],
            78,
            "--drain-delay-ms 8000 leaves no time to drain; it must be less than \
             --drain-timeout-ms, which bounds both and is 8000",
        ),
    ] {
        let error = read(line, env).expect_err(want);
        assert_eq!(error.to_string(), want);
        assert_eq!(error.exit_code(), code, "{want}");
    }
}

#[test]
fn the_bounds_are_where_the_messages_say() {
    for (flag, good, bad) in [
        ("--port", &["0", "65535"][..], &["65536", "-1", "1e3"][..]),
        ("--worker", &["1", "512", "auto"], &["0", "513", "Auto"]),
        ("--max-connections", &["1", "1000000"], &["0", "1000001"]),
        ("--timeout-ms", &["1", "86400000"], &["0", "86400001"]),
        (
            "--header-timeout-ms",
            &["1", "86400000"],
            &["0", "86400001"],
        ),
        ("--keepalive-ms", &["1", "86400000"], &["0", "86400001"]),
        (
            "--keepalive-requests",
            &["0", "4294967295"],
            &["4294967296"],
        ),
        (
            "--max-header-size",
            &["256", "1048576"],
            &["255", "1048577"],
        ),
        (
            "--max-body-size",
            &["0", "1099511627776"],
            &["1099511627777"],
        ),
        (
            "--max-restarts",
            &["1/1", "1000/3600"],
            &["0/1", "1/0", "1001/1", "1/3601", "1/"],
        ),
        ("--drain-delay-ms", &["0", "7999"], &["8000", "-1"]),
        ("--drain-timeout-ms", &["0", "86400000"], &["86400001"]),
        ("--file-cache", &["0", "65536"], &["65537"]),
        (
            "--cache",
            &["auto", "off", "0", "31536000"],
            &["31536001", "Auto", "-1", "1h", ""],
        ),
        (
            "--admin",
            &["1.2.3.4:0", "[::]:65535", "localhost:1", "unix:x", "off"],
            &[
                "",
                "9090",
                ":9090",
                "1.2.3.4",
                "::1:90",
                "x.org:1",
                "unix:",
                "localhost:",
                "localhost:65536",
                "localhost:+1",
            ],
        ),
        ("--backlog", &["1", "65535"], &["0", "65536"]),
        ("--header", &["a:b", "a: b", "a:"], &["a", ":b", ""]),
        (
            "--immutable",
            &["/", "/build/", "/chunk-"],
            &["build", "//a", ""],
        ),
        ("--cors", &["*", "http://a"], &["a", "null", ""]),
        ("--mime", &["a=b/c"], &["a", "a=b", "=b/c", "a=", ""]),
        (
            "--error-page",
            &["400=/", "599=/x y"],
            &[
                "404", "399=/x", "600=/x", "200=/x", "404=x", "404=", "404=//x", "4xx=/x",
            ],
        ),
        (
            "--host",
            &["localhost", "1.2.3.4", "::", "[::1]", "unix:x"],
            &["x.org", "", "unix:"],
        ),
    ] {
        for value in good {
            let line = format!("{flag}={value}");
            assert!(read(&[&line], &[]).is_ok(), "{line}");
        }
        for value in bad {
            let line = format!("{flag}={value}");
            assert!(read(&[&line], &[]).is_err(), "{line}");
        }
    }
}

#[test]
fn the_defaults_in_the_table_are_the_defaults() {
    for flag in flags::all() {
        if flag.takes_value() {
            let line = format!("--{}={}", flag.long, flag.default);
            // Defaults that cannot be typed have a blank in them.
            if !flag.default.contains(' ') {
                assert_eq!(options(&[&line], &[]), Options::default(), "{line}");
            }
        } else if let Job::Switch(_) = flag.job {
            assert_eq!(flag.default, "off", "--{}", flag.long);
            let off = options(&[], &[(&flag.variable(), "0")]);
            assert_eq!(off, Options::default(), "--{}", flag.long);
        }
        assert!(
            !flag.about.is_empty() && !flag.group.is_empty(),
            "{}",
            flag.long
        );
        let same = flags::all()
            .filter(|f| f.long == flag.long || f.short.is_some() && f.short == flag.short);
        assert_eq!(same.count(), 1, "--{} is there twice", flag.long);
    }
    assert_eq!(flags::root().long, "root");
}

#[test]
fn help_and_manual_list_every_flag() {
    let (help, table) = (help(), flag_table());
    for flag in flags::all() {
        let name = format!("--{}", flag.long);
        assert!(help.contains(&name), "{name}");
        assert!(table.contains(&format!("`{name}")), "{name}");
    }
    for line in help.lines() {
        assert!(line.chars().count() <= 100, "{line}");
        assert_eq!(line, line.trim_end());
    }
    assert!(help.ends_with('\n') && version().ends_with('\n'));
}

#[test]
fn variables_that_no_flag_has_are_told_with_the_nearest_one() {
    for (name, want) in [
        ("HTTPRS_WORKER", None),
        ("HTTPRS_WORKERS", None),
        ("HTTPRS_SERVICE_HOST", None),
        ("HTTPRS_SERVICE_PORT_HTTP", None),
        ("HTTPRS_PORT_8080_TCP_ADDR", None),
        ("HTTPRSX", None),
        ("PATH", None),
        (
            "HTTPRS_KEEPALIVE",
            Some("did you mean HTTPRS_KEEPALIVE_MS?"),
        ),
        ("HTTPRS_WROKER", Some("did you mean HTTPRS_WORKER?")),
        ("HTTPRS_BANANA", Some("see --help")),
    ] {
        let said = unknown_variables([name].into_iter());
        let all = said.join("\n");
        assert_eq!(said.len(), usize::from(want.is_some()), "{name}: {all}");
        assert!(all.ends_with(want.unwrap_or_default()), "{name}: {all}");
    }
    assert_eq!(
        options(&[], &[("HTTPRS_WORKERS", "5")]).workers,
        Workers::Exactly(5)
    );
}
