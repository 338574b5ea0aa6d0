//! Two blocks of lines side by side: what is missing, what is too much.

/// The lines of both, each marked with ` `, `-` (expected only) or `+` (observed only).
pub(super) fn lines(expected: &[String], observed: &[String]) -> String {
    // Longest common subsequence, from the end.
    let (n, m) = (expected.len(), observed.len());
    let mut common = vec![vec![0u32; m + 1]; n + 1];
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            common[i][j] = if expected[i] == observed[j] {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut out) = (0, 0, String::new());
    while i < n || j < m {
        let (mark, line) = if i < n && j < m && expected[i] == observed[j] {
            (i, j) = (i + 1, j + 1);
            (' ', &expected[i - 1])
        } else if i < n && (j == m || common[i + 1][j] >= common[i][j + 1]) {
            i += 1;
            ('-', &expected[i - 1])
        } else {
            j += 1;
            ('+', &observed[j - 1])
        };
        out.push_str(&format!("    {mark} {line}\n"));
    }
    out
}
