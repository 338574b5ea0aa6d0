//! HTTP dates (RFC 9110, section 5.6.7).

use core::fmt;

/// A date as it stands in Date and Last-Modified: `Sun, 06 Nov 1994 08:49:37 GMT`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Date([u8; 29]);

const DAYS: [&[u8; 3]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
const LONG_DAYS: [&[u8]; 7] =
    [b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday", b"Sunday"];
const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Seconds from 1970 to the last date with a four-digit year.
const LAST: u64 = 253_402_300_799;

impl Date {
    /// The date so many seconds after 1970-01-01 00:00:00 UTC; years beyond 9999 are held at the last
    /// representable second. No allocation, a few divisions: meant to be cached for a second.
    pub fn from_unix(seconds: u64) -> Date {
        let seconds = seconds.min(LAST);
        let (days, time) = (seconds / 86_400, seconds % 86_400);
        let (year, month, day) = civil(days);
        let mut out = *b"Thu, 01 Jan 1970 00:00:00 GMT";
        out[..3].copy_from_slice(DAYS[((days + 3) % 7) as usize]);
        two(&mut out[5..7], day);
        out[8..11].copy_from_slice(MONTHS[month as usize - 1]);
        two(&mut out[12..14], year / 100);
        two(&mut out[14..16], year % 100);
        two(&mut out[17..19], time / 3600);
        two(&mut out[20..22], time / 60 % 60);
        two(&mut out[23..25], time % 60);
        Date(out)
    }

    /// The 29 bytes of the IMF-fixdate.
    pub const fn as_bytes(&self) -> &[u8; 29] {
        &self.0
    }

    /// Reads an HTTP date in any of its three forms, as seconds since 1970. Dates before 1970 read
    /// as 0. The day name is checked for form, not against the calendar.
    ///
    /// "A recipient that parses a timestamp value in an HTTP field MUST accept all three HTTP-date
    /// formats." A two-digit year is taken to be in 1970 to 2069.
    pub fn parse(value: &[u8]) -> Option<u64> {
        let comma = value.iter().position(|&b| b == b',');
        match comma {
            Some(3) => imf_fixdate(value),
            Some(at) => rfc850(value, at),
            None => asctime(value),
        }
    }
}

fn imf_fixdate(v: &[u8]) -> Option<u64> {
    // "IMF-fixdate = day-name "," SP date1 SP time-of-day SP GMT"
    if v.len() != 29
        || !is_day(&v[..3])
        || v[4] != b' '
        || v[7] != b' '
        || v[11] != b' '
        || &v[25..] != b" GMT"
    {
        return None;
    }
    seconds(number(&v[12..16])?, month(&v[8..11])?, number(&v[5..7])?, time_of_day(&v[17..25], v[16])?)
}

fn rfc850(v: &[u8], comma: usize) -> Option<u64> {
    // "rfc850-date = day-name-l "," SP date2 SP time-of-day SP GMT", "date2 = day "-" month "-" 2DIGIT"
    let rest = &v[comma + 1..];
    if !LONG_DAYS.contains(&&v[..comma]) || rest.len() != 23 || rest[0] != b' ' || &rest[19..] != b" GMT" {
        return None;
    }
    if rest[3] != b'-' || rest[7] != b'-' {
        return None;
    }
    let year = number(&rest[8..10])?;
    let year = if year < 70 { 2000 + year } else { 1900 + year };
    seconds(year, month(&rest[4..7])?, number(&rest[1..3])?, time_of_day(&rest[11..19], rest[10])?)
}

fn asctime(v: &[u8]) -> Option<u64> {
    // "asctime-date = day-name SP date3 SP time-of-day SP year", "date3 = month SP ( 2DIGIT / ( SP 1DIGIT ))"
    if v.len() != 24 || !is_day(&v[..3]) || v[3] != b' ' || v[7] != b' ' || v[19] != b' ' {
        return None;
    }
    let day = if v[8] == b' ' { number(&v[9..10])? } else { number(&v[8..10])? };
    seconds(number(&v[20..24])?, month(&v[4..7])?, day, time_of_day(&v[11..19], v[10])?)
}

fn is_day(name: &[u8]) -> bool {
    DAYS.iter().any(|d| d.as_slice() == name)
}

fn month(name: &[u8]) -> Option<u64> {
    MONTHS.iter().position(|m| m.as_slice() == name).map(|m| m as u64 + 1)
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |n, b| b.is_ascii_digit().then(|| n * 10 + u64::from(b - b'0')))
}

fn time_of_day(v: &[u8], before: u8) -> Option<u64> {
    if before != b' ' || v[2] != b':' || v[5] != b':' {
        return None;
    }
    let (hour, minute, second) = (number(&v[..2])?, number(&v[3..5])?, number(&v[6..8])?);
    // second 60 is a leap second
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

fn seconds(year: u64, month: u64, day: u64, time: u64) -> Option<u64> {
    const LENGTHS: [u64; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    if day == 0 || day > LENGTHS[month as usize - 1] {
        return None;
    }
    if year < 1970 {
        return Some(0);
    }
    // Days from 1970 by counting years from March, so that the leap day comes last.
    let y = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = 365 * y + y / 4 - y / 100 + y / 400 + of_year - 719_468;
    Some(days * 86_400 + time)
}

/// Year, month and day of a day counted from 1970, by eras of 400 years that begin in March.
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

fn two(out: &mut [u8], n: u64) {
    out[0] = b'0' + (n / 10) as u8;
    out[1] = b'0' + (n % 10) as u8;
}

impl fmt::Debug for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rfc9110_5_6_7_all_three_forms_are_read() {
        for form in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(Date::parse(form.as_bytes()), Some(784_111_777), "{form}");
        }
        assert_eq!(Date::from_unix(784_111_777).as_bytes(), b"Sun, 06 Nov 1994 08:49:37 GMT");
        for bad in [
            "",
            "0",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 32 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            ",",
            "Sunday, x",
        ] {
            assert_eq!(Date::parse(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn the_edges_of_the_calendar_hold() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
            (u64::MAX, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(alloc::format!("{}", Date::from_unix(seconds)), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(seconds in 0..=LAST) {
            prop_assert_eq!(Date::parse(Date::from_unix(seconds).as_bytes()), Some(seconds));
        }

        #[test]
        fn parsing_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = Date::parse(&bytes);
        }
    }
}
