//! rtnetlink(7) messages, read from their bytes by the kernel's own layout, and by no code that rlab has.

use serde_json::{Map, Value, json};

/// What the answer to a change says: 0, or the number of an error.
pub fn answer(bytes: &[u8]) -> Option<i32> {
    const NLMSG_ERROR: u16 = 2;
    (half(bytes, 4)? == NLMSG_ERROR).then(|| Some(-(word(bytes, 16)? as i32)))?
}

/// Whether it is a message to change something: types come in fours, and the third of each asks.
pub fn changes(bytes: &[u8]) -> bool {
    const FIRST: u16 = 16;
    half(bytes, 4).is_some_and(|kind| kind >= FIRST && kind % 4 != 2)
}

/// A change in the words in which rlab tells it. `link` gives the name behind a link's number.
pub fn read(bytes: &[u8], link: &dyn Fn(u32) -> Value, path: &dyn Fn(u32) -> Value) -> Option<Value> {
    let mut out = Map::new();
    let names = [(1, "NLM_F_REQUEST"), (4, "NLM_F_ACK"), (0x200, "NLM_F_EXCL"), (0x400, "NLM_F_CREATE")];
    let set = half(bytes, 6)?;
    let known: u16 = names.iter().map(|(bit, _)| bit).sum();
    let flags: Vec<&str> = names.iter().filter(|(bit, _)| set & bit != 0).map(|(_, name)| *name).collect();
    if set & !known != 0 {
        return Some(json!(format!("unknown flags {set:#x}")));
    }
    let body = bytes.get(16..)?;
    let kind = match half(bytes, 4)? {
        16 => "RTM_NEWLINK",
        17 => "RTM_DELLINK",
        20 => "RTM_NEWADDR",
        24 => "RTM_NEWROUTE",
        other => return Some(json!(format!("unknown type {other}"))),
    };
    match kind {
        "RTM_NEWADDR" => address(&mut out, body, link)?,
        "RTM_NEWROUTE" => route(&mut out, body, link)?,
        _ => link_fields(&mut out, body, link, path)?,
    }
    out.insert("type".into(), json!(kind));
    out.insert("flags".into(), json!(flags.join("|")));
    Some(Value::Object(out))
}

/// struct ifinfomsg: family, type, index, flags, mask.
fn link_fields(
    out: &mut Map<String, Value>,
    body: &[u8],
    link: &dyn Fn(u32) -> Value,
    path: &dyn Fn(u32) -> Value,
) -> Option<()> {
    let (index, flags, mask) = (word(body, 4)?, word(body, 8)?, word(body, 12)?);
    if index != 0 {
        out.insert("link".into(), link(index));
    }
    if mask & 1 != 0 {
        out.insert("ifi_flags".into(), json!(if flags & 1 != 0 { "IFF_UP" } else { "0" }));
    }
    for (kind, value) in attributes(body.get(16..)?) {
        match kind {
            1 => out.insert("address".into(), json!(mac(value))),
            3 => out.insert("ifname".into(), json!(text(value))),
            10 => out.insert("master".into(), link(word(value, 0)?)),
            28 => out.insert("netns".into(), path(word(value, 0)?)),
            18 => {
                for (kind, value) in attributes(value) {
                    match kind {
                        1 => drop(out.insert("kind".into(), json!(text(value)))),
                        2 => {
                            // VETH_INFO_PEER: a whole message of its own.
                            let (_, peer) = attributes(value).into_iter().find(|(kind, _)| *kind == 1)?;
                            let mut fields = Map::new();
                            link_fields(&mut fields, peer, link, path)?;
                            out.insert("peer".into(), Value::Object(fields));
                        }
                        other => drop(out.insert(format!("info {other}"), json!(value))),
                    }
                }
                None
            }
            other => out.insert(format!("attribute {other}"), json!(value)),
        };
    }
    Some(())
}

/// struct ifaddrmsg: family, length of the prefix, flags, scope, index.
fn address(out: &mut Map<String, Value>, body: &[u8], link: &dyn Fn(u32) -> Value) -> Option<()> {
    out.insert("prefixlen".into(), json!(body.get(1)?));
    out.insert("link".into(), link(word(body, 4)?));
    for (kind, value) in attributes(body.get(8..)?) {
        match kind {
            // IFA_ADDRESS is the other end's address; where there is none it repeats the link's own.
            1 => {}
            2 => drop(out.insert("local".into(), json!(ip(value)?))),
            4 => drop(out.insert("broadcast".into(), json!(ip(value)?))),
            other => drop(out.insert(format!("attribute {other}"), json!(value))),
        }
    }
    Some(())
}

/// struct rtmsg: family, length of the destination's prefix, and ten bytes more.
fn route(out: &mut Map<String, Value>, body: &[u8], link: &dyn Fn(u32) -> Value) -> Option<()> {
    if *body.get(1)? == 0 {
        out.insert("dst".into(), json!("0.0.0.0/0"));
    }
    for (kind, value) in attributes(body.get(12..)?) {
        match kind {
            4 => out.insert("oif".into(), link(word(value, 0)?)),
            5 => out.insert("gateway".into(), json!(ip(value)?)),
            other => out.insert(format!("attribute {other}"), json!(value)),
        };
    }
    Some(())
}

/// struct rtattr: length with its own four bytes, type, value; each begins at a multiple of four.
fn attributes(mut bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    while let (Some(length), Some(kind)) = (half(bytes, 0), half(bytes, 2)) {
        let length = usize::from(length);
        let Some(value) = bytes.get(4..length) else { break };
        found.push((kind & 0x3fff, value)); // the two highest bits say how the value is to be read
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches('\0').to_owned()
}

fn mac(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}

fn ip(bytes: &[u8]) -> Option<String> {
    Some(std::net::Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).to_string())
}

#[test]
fn a_message_is_read_from_its_bytes() {
    let hex = "3000000010000506 0200000000000000 0000000000000000 0000000000000000 0900030072 6c6162 00 000000 \
               04000800"
        .replace(char::is_whitespace, "");
    let bytes: Vec<u8> =
        (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
    let read = read(&bytes, &|number| json!(number), &|number| json!(number)).unwrap();
    assert_eq!(read["type"], "RTM_NEWLINK");
    assert_eq!(read["flags"], "NLM_F_REQUEST|NLM_F_ACK|NLM_F_EXCL|NLM_F_CREATE");
    assert_eq!(read["ifname"], "rlab");
    assert_eq!(read["attribute 8"], json!([]));
    assert!(changes(&bytes));
    assert_eq!(answer(&[36, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 239, 255, 255, 255]), Some(17));
}
