use super::*;

fn address(url: &str) -> Address {
    Address { url: url.into(), database: "shop".into(), token: Some("root:s3cret".into()) }
}

#[test]
fn the_token_is_never_shown() {
    let shown = format!("{:?}", address("http://h:1"));
    assert_eq!(shown, r#"Address { url: "http://h:1", database: "shop", token: Some("***") }"#);
}

#[test]
fn the_token_is_sent_as_milvus_takes_it() {
    let sent = metadata(&address("http://h:1")).unwrap();
    assert_eq!(sent[0].1, "cm9vdDpzM2NyZXQ=");
    assert_eq!(sent[1].1, "shop");
    assert!(!format!("{sent:?}").contains("cm9v"));
}

#[test]
fn addresses_that_can_not_be_used_say_so() {
    for (url, said) in [
        ("https://h:1", "`https://h:1` can't be used: TLS to Milvus is not supported"),
        ("localhost:19530", "`localhost:19530` is not an address of a Milvus"),
        ("http://", "`http://` is not an address of a Milvus"),
    ] {
        let Err(error) = Milvus::connect(&address(url)) else { panic!("{url}") };
        assert_eq!(error.downcast_ref::<Problem>().unwrap().tried, said);
    }
}

#[test]
fn nobody_there_is_told_with_a_cure() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let Err(error) = Milvus::connect(&address(&format!("http://127.0.0.1:{port}"))) else {
        panic!()
    };
    let said = error.to_string();

    assert!(
        said.starts_with(&format!("no Milvus answers at `http://127.0.0.1:{port}`\n  ")),
        "{said}"
    );
    assert!(
        said.contains("refused") && said.ends_with("next: start it, or correct the address"),
        "{said}"
    );
}
