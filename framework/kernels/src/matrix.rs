//! Matrix products over slices.

/// A matrix with any strides.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows of `columns` values, the first `stride` apart.
    pub fn strided(data: &'a [f32], rows: usize, columns: usize, stride: usize) -> Self {
        check(data.len(), rows, columns, stride);
        Self { data, rows, columns, row_stride: stride, column_stride: 1 }
    }

    /// Rows of `columns` values, one after the other.
    pub fn new(data: &'a [f32], columns: usize) -> Self {
        Self::strided(data, data.len() / columns, columns, columns)
    }

    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns from `first` on, `count` of them.
    pub fn columns_from(self, first: usize, count: usize) -> Self {
        assert!(first + count <= self.columns, "columns {first} to {} of {}", first + count, self.columns);
        Self { data: &self.data[first * self.column_stride..], columns: count, ..self }
    }

    pub fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
            ..self
        }
    }
}

/// A matrix to write to.
pub(crate) struct MatrixMut<'a> {
    data: &'a mut [f32],
    rows: usize,
    columns: usize,
    stride: usize,
}

impl<'a> MatrixMut<'a> {
    /// Rows of `columns` values, the first `stride` apart.
    pub fn strided(data: &'a mut [f32], rows: usize, columns: usize, stride: usize) -> Self {
        check(data.len(), rows, columns, stride);
        Self { data, rows, columns, stride }
    }

    /// Rows of `columns` values, one after the other.
    pub fn new(data: &'a mut [f32], columns: usize) -> Self {
        let rows = data.len() / columns;
        Self::strided(data, rows, columns, columns)
    }
}

fn check(length: usize, rows: usize, columns: usize, stride: usize) {
    let end = if rows == 0 { 0 } else { (rows - 1) * stride + columns };
    assert!(columns <= stride && end <= length, "a matrix of {rows} x {columns} does not fit {length} values");
}

/// What happens to the values that are in the destination of a product.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Write {
    /// They are replaced.
    Replace,
    /// The product is added to them.
    Add,
}

/// `out = a b`, or `out += a b`.
#[expect(unsafe_code, reason = "the matrix library takes pointers")]
#[expect(clippy::needless_pass_by_value, reason = "a mutable view is used up")]
pub(crate) fn product(out: MatrixMut<'_>, write: Write, a: Matrix<'_>, b: Matrix<'_>) {
    assert!(a.rows == out.rows && b.columns == out.columns && a.columns == b.rows, "shapes of a product do not match");
    if out.rows == 0 || out.columns == 0 {
        return;
    }
    // SAFETY: `check` and `transposed` keep every index below the length of its slice, the shapes match, and `out` is
    // borrowed mutably, so that it overlaps neither input.
    unsafe {
        gemm::gemm(
            out.rows,
            out.columns,
            a.columns,
            out.data.as_mut_ptr(),
            1,
            out.stride as isize,
            write == Write::Add,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_of_views_equal_values_computed_by_hand() {
        let a = [1.0, 2.0, 9.0, 3.0, 4.0, 9.0];
        let b = [5.0, 6.0, 7.0, 8.0];
        let a = Matrix::strided(&a, 2, 2, 3);
        let mut out = [1.0; 5];
        product(MatrixMut::strided(&mut out, 2, 2, 3), Write::Add, a, Matrix::new(&b, 2).transposed());
        assert_eq!(out, [18.0, 24.0, 1.0, 40.0, 54.0]);
        product(MatrixMut::strided(&mut out, 2, 2, 3), Write::Replace, a, Matrix::new(&b, 2));
        assert_eq!(out, [19.0, 22.0, 1.0, 43.0, 50.0]);
    }

    #[test]
    #[should_panic(expected = "does not fit")]
    fn a_view_ends_where_its_slice_does() {
        Matrix::strided(&[0.0; 5], 2, 3, 3);
    }
}
