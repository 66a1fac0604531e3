use super::*;

fn fields(text: &str) -> Fields {
    let form: Vec<_> = form_urlencoded::parse(text.as_bytes())
        .into_owned()
        .collect();
    Fields::new(&form)
}

#[test]
fn a_status_as_it_really_comes() {
    let fields = fields(
        "Called=%2B14155551234&To=%2B14155551234&Caller=%2B14155550100&From=%2B14155550100&CallSid=CA1\
         &AccountSid=AC1&ApiVersion=2010-04-01&Direction=outbound-api&CallStatus=busy&CallDuration=0&Duration=0\
         &SipResponseCode=486&SequenceNumber=2&CallbackSource=call-progress-events\
         &Timestamp=Sat%2C%2007%20May%202022%2014%3A30%3A14%20%2B0000&CalledCity=&ToCountry=US",
    );
    assert_eq!(fields.call(), Some("CA1"));
    assert_eq!(fields.account(), Some("AC1"));
    assert_eq!(
        StatusCallback::read(&fields),
        Some(StatusCallback {
            status: Status::Busy,
            sequence: Some(2),
            sip_code: Some(486),
            error: None,
            answered_by: None,
        })
    );
}

#[test]
fn every_word_of_the_documents_is_known() {
    for (word, is_final) in [
        ("queued", false),
        ("initiated", false),
        ("ringing", false),
        ("in-progress", false),
        ("completed", true),
        ("busy", true),
        ("no-answer", true),
        ("failed", true),
        ("canceled", true),
    ] {
        let status = Status::parse(word).unwrap();
        assert_eq!(status.is_final(), is_final, "{word}");
    }
    for (word, who) in [
        ("human", AnsweredBy::Human),
        ("machine_start", AnsweredBy::Machine),
        ("machine_end_beep", AnsweredBy::Machine),
        ("machine_end_silence", AnsweredBy::Machine),
        ("machine_end_other", AnsweredBy::Machine),
        ("fax", AnsweredBy::Fax),
        ("unknown", AnsweredBy::Unknown),
    ] {
        let fields = fields(&format!("AnsweredBy={word}"));
        assert_eq!(AnsweredBy::read(&fields), Some(who));
    }
    let stream = |text: &str| StreamCallback::read(&fields(text));
    assert_eq!(
        stream("StreamEvent=stream-started"),
        Some(StreamCallback::Started)
    );
    assert_eq!(
        stream("StreamEvent=stream-stopped"),
        Some(StreamCallback::Stopped)
    );
    assert_eq!(
        stream("StreamEvent=stream-error&StreamError=31920%0Ahandshake"),
        Some(StreamCallback::Failed("31920handshake".into()))
    );
}

#[test]
fn what_is_missing_or_odd_is_no_callback() {
    for text in ["", "CallStatus=", "CallStatus=flying", "StreamEvent=x"] {
        assert_eq!(StatusCallback::read(&fields(text)), None, "{text}");
        assert_eq!(StreamCallback::read(&fields(text)), None, "{text}");
    }
    assert_eq!(fields("CallSid=a b").call(), None);
    assert_eq!(fields("CallSid=%0A").call(), None);
    assert_eq!(fields(&format!("CallSid={}", "a".repeat(129))).call(), None);
    assert_eq!(IncomingCall::read(&fields("From=1&CallSid=CA1")), None);
    assert_eq!(
        IncomingCall::read(&fields("CallSid=CA1&To=%2B14155550100&From=anonymous"))
            .unwrap()
            .from,
        "anonymous"
    );
}
