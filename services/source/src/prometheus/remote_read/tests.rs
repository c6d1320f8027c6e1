use proptest::prelude::*;

use super::*;

fn frame(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut length = message.len();
    while length > 0x7f {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(crc32c::crc32c(message).to_be_bytes());
    out.extend(message);
    out
}

proptest! {
    #[test]
    fn frames_come_out_whatever_the_pieces(messages in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6), sizes in prop::collection::vec(1..40_usize, 1..20)) {
        let stream: Vec<u8> = messages.iter().flat_map(|message| frame(message)).collect();
        let mut frames = Frames::default();
        let mut seen: Vec<Vec<u8>> = Vec::new();
        let (mut at, mut turn) = (0, 0);
        while at < stream.len() {
            let end = (at + sizes[turn % sizes.len()]).min(stream.len());
            frames.push(&stream[at..end], |message| { seen.push(message.to_vec()); Ok(()) }).unwrap();
            (at, turn) = (end, turn + 1);
        }
        prop_assert_eq!(seen, messages);
        prop_assert!(frames.is_complete());
    }

    #[test]
    fn one_flipped_bit_in_a_message_is_seen(message in prop::collection::vec(any::<u8>(), 1..200), bit in any::<prop::sample::Index>()) {
        let mut stream = frame(&message);
        let bit = bit.index(message.len() * 8);
        let start = stream.len() - message.len();
        stream[start + bit / 8] ^= 1 << (bit % 8);
        let result = Frames::default().push(&stream, |_| Ok(()));
        prop_assert!(result.unwrap_err().contains("checksum"));
    }

    #[test]
    fn garbage_never_panics_nor_piles_up(stream in prop::collection::vec(any::<u8>(), 0..400)) {
        let wanted = Wanted::new(&[], &[], None, (0, 1));
        let mut haul = Haul::default();
        let mut taking = Taking::new(&mut haul, &wanted);
        let _ = Frames::default().push(&stream, |message| {
            wire::chunked_response(message, &mut taking).map_err(str::to_owned)
        });
        let _ = unpacked(&stream, 1 << 20).map(|message| wire::sample_response(&message, &mut taking));
        prop_assert!(haul.found.is_empty() && haul.uncertain.is_empty());
    }
}

#[test]
fn a_frame_too_long_is_refused_before_it_is_awaited() {
    let error = Frames::default()
        .push(&[0xff, 0xff, 0xff, 0xff, 0x0f], |_| Ok(()))
        .unwrap_err();
    assert!(error.contains("at most"), "{error}");
}
