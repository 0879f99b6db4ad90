//! Small pickles in the form of the official ones, for tests.

/// Writes a dictionary opcode by opcode.
#[derive(Default)]
pub(in crate::readers) struct Builder {
    body: Vec<u8>,
    by_columns: bool,
}

impl Builder {
    pub(in crate::readers) fn by_columns(mut self) -> Self {
        self.by_columns = true;
        self
    }

    pub(in crate::readers) fn ints(mut self, key: &str, numbers: &[i32]) -> Self {
        self.text(key);
        self.body.extend(b"](");
        for &number in numbers {
            self.int(number);
        }
        self.body.push(b'e');
        self
    }

    pub(in crate::readers) fn texts(mut self, key: &str, texts: &[&str]) -> Self {
        self.text(key);
        self.body.extend(b"](");
        for text in texts {
            self.text(text);
        }
        self.body.push(b'e');
        self
    }

    pub(in crate::readers) fn matrix(mut self, key: &str, rows: i32, columns: i32, data: &[u8]) -> Self {
        self.text(key);
        self.body.extend(b"cnumpy.core.multiarray\n_reconstruct\n");
        self.body.extend(b"cnumpy\nndarray\nK\x00\x85U\x01b\x87R");
        self.body.extend(b"(K\x01");
        self.int(rows);
        self.int(columns);
        self.body.extend(b"\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R");
        self.body.extend(b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb");
        self.body.push(if self.by_columns { 0x88 } else { 0x89 });
        self.body.push(b'T');
        self.body.extend((data.len() as u32).to_le_bytes());
        self.body.extend(data);
        self.body.extend(b"tb");
        self
    }

    pub(in crate::readers) fn finish(self) -> Vec<u8> {
        [b"\x80\x02}q\x01(", &self.body[..], b"u."].concat()
    }

    fn int(&mut self, number: i32) {
        self.body.push(b'J');
        self.body.extend(number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.body.push(b'U');
        self.body.push(text.len() as u8);
        self.body.extend(text.as_bytes());
    }
}
