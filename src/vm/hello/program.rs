//! All the software of the machine: no firmware, no kernel, no files.
//!
//! It is written for real mode, in which every x86 processor starts, as the 8086 of 1978: registers of 16 bits, addresses
//! that are what they seem (segment bases are 0 here), no protection of anything from anything.

/// Where it lies in the guest's memory. Address 0 would do as well; there, a pointer that was never set would find
/// something, and nobody would notice.
pub const ADDRESS: u64 = 0x1000;

/// The port it writes to. On a PC the first serial line's data register; to this machine, just a number.
pub const PORT: u16 = 0x3f8;

/// What it says.
pub const TEXT: &[u8] = b"hello\n";

/// One instruction, or a piece of data.
pub struct Line {
    /// Its bytes in memory.
    pub bytes: &'static [u8],
    /// The same as an assembler has it, after Intel's manual.
    pub words: &'static str,
    /// What it is there for.
    pub says: &'static str,
}

const fn line(bytes: &'static [u8], words: &'static str, says: &'static str) -> Line {
    Line { bytes, words, says }
}

/// The program. Numbers lie in memory with their lowest byte first; jumps count from the instruction that follows them.
pub const PROGRAM: &[Line] = &[
    line(&[0xbe, 0x0f, 0x10], "      mov si, text", "si: where the letters begin"),
    line(&[0xba, 0xf8, 0x03], "      mov dx, 0x3f8", "dx: a PC's serial port"),
    line(&[0xac], "next: lodsb", "al: the letter at si; si + 1"),
    line(&[0x84, 0xc0], "      test al, al", "is it the 0 at the end?"),
    line(&[0x74, 0x03], "      jz done", "then it is over"),
    line(&[0xee], "      out dx, al", "al to the port: an exit"),
    line(&[0xeb, 0xf8], "      jmp next", ""),
    line(&[0xf4], "done: hlt", "nothing more to do: an exit"),
    line(b"hello\n\0", "text: db \"hello\", 10, 0", "10: the end of a line"),
];

/// The bytes as they lie in memory.
pub fn bytes() -> Vec<u8> {
    PROGRAM.iter().flat_map(|line| line.bytes).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the line with this label or instruction begins.
    fn address(words: &str) -> u64 {
        let before = PROGRAM.iter().take_while(|line| !line.words.trim().starts_with(words));
        ADDRESS + before.map(|line| line.bytes.len() as u64).sum::<u64>()
    }

    #[test]
    fn its_addresses_are_where_they_should_be() {
        let bytes = bytes();
        let word = |at: usize| u64::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        assert_eq!(word(1), address("text:"));
        assert_eq!(word(4), u64::from(PORT));
        for (jump, to) in [("jz", "done:"), ("jmp", "next:")] {
            let at = address(jump);
            let distance = bytes[(at - ADDRESS) as usize + 1] as i8;
            assert_eq!((at + 2).wrapping_add_signed(distance.into()), address(to), "{jump}");
        }
        let text = (address("text:") - ADDRESS) as usize;
        assert_eq!((&bytes[text..], text), (&[TEXT, &[0]].concat()[..], 15));
    }
}
