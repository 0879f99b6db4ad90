//! The way of images into a vision transformer (Dosovitskiy et al. 2021, eq. 1), up to the norm before the first block.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    buffer::Buffer,
    gradients::in_groups,
    matrix::{Matrix, MatrixMut, Write, product},
    norm::{Norm, NormGradients},
    parts::{chunks_of_items, rows, split},
    simd::add,
};

/// Channels of an image.
const CHANNELS: usize = 3;

/// Parameters, all borrowed.
#[derive(Clone, Copy)]
pub(crate) struct PatchEmbedding<'a> {
    /// Side of an image and of a patch.
    pub image: usize,
    pub patch: usize,
    /// `[3 patch patch, width]`
    pub weight: &'a [f32],
    /// `[width]`
    pub class: &'a [f32],
    /// `[1 + patches, width]`
    pub positions: &'a [f32],
    pub norm: Norm<'a>,
}

/// Gradients with respect to the parameters; that of the class embedding is the one of its position.
pub(crate) struct PatchEmbeddingGradients {
    pub weight: Buffer,
    pub positions: Vec<f32>,
    pub norm: NormGradients,
}

impl PatchEmbedding<'_> {
    fn side(&self) -> usize {
        self.image / self.patch
    }

    fn width(&self) -> usize {
        self.class.len()
    }

    fn patch_values(&self) -> usize {
        CHANNELS * self.patch * self.patch
    }

    fn image_values(&self) -> usize {
        CHANNELS * self.image * self.image
    }

    /// Rows of an image: the class and its patches.
    pub fn length(&self) -> usize {
        1 + self.side() * self.side()
    }

    fn chunks(&self, images: &[f32]) -> (Vec<Range<usize>>, Vec<Range<usize>>) {
        let count = images.len() / self.image_values();
        let chunks = chunks_of_items(count, count * self.length(), self.width());
        let rows = chunks.iter().map(|chunk| chunk.start * self.length()..chunk.end * self.length()).collect();
        (chunks, rows)
    }

    /// Writes the rows of all images to `y`, and to the output what they are before the norm.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, image, image]`
    /// - `y`, output: `[batch (1 + patches), width]`
    pub fn forward(&self, images: &[f32], y: &mut [f32]) -> Buffer {
        let width = self.width();
        let (chunks, row_ranges) = self.chunks(images);
        let mut embedded = Buffer::new(y.len());
        let parts = split(&mut embedded, &row_ranges, width).into_par_iter().zip(split(y, &row_ranges, width));
        chunks.par_iter().zip(parts).for_each(|(chunk, (embedded, y))| {
            for embedded in embedded.chunks_exact_mut(self.length() * width) {
                embedded.copy_from_slice(self.positions);
                add(self.class, &mut embedded[..width]);
            }
            let patches = self.patches(rows(images, chunk, self.image_values()));
            let patches = Matrix::new(&patches, self.patch_values());
            product(MatrixMut::new(embedded, width), Write::Add, patches, Matrix::new(self.weight, width));
            self.norm.forward(embedded, y);
        });
        embedded
    }

    /// The gradients, given that with respect to the output; images get none.
    ///
    /// # Shapes
    ///
    /// - `images`: `[batch, 3, image, image]`
    /// - `embedded`, `upstream`: `[batch (1 + patches), width]`
    pub fn backward(&self, images: &[f32], embedded: &[f32], upstream: &[f32]) -> PatchEmbeddingGradients {
        let (width, length) = (self.width(), self.length());
        let (chunks, _) = self.chunks(images);
        let none = || PatchEmbeddingGradients {
            weight: Buffer::new(self.weight.len()),
            positions: vec![0.0; self.positions.len()],
            norm: NormGradients::new(width),
        };
        let chunk = |sums: &mut PatchEmbeddingGradients, write: Write, chunk: &Range<usize>, _: &mut [f32]| {
            let of_chunk = chunk.start * length..chunk.end * length;
            let mut gradient = Buffer::new(of_chunk.len() * width);
            gradient.fill(0.0);
            let upstream = rows(upstream, &of_chunk, width);
            self.norm.backward(rows(embedded, &of_chunk, width), upstream, &mut gradient, &mut sums.norm);
            for gradient in gradient.chunks_exact(length * width) {
                add(gradient, &mut sums.positions);
            }
            let patches = self.patches(rows(images, chunk, self.image_values()));
            let patches = Matrix::new(&patches, self.patch_values()).transposed();
            product(MatrixMut::new(&mut sums.weight, width), write, patches, Matrix::new(&gradient, width));
        };
        let outputs = chunks.iter().map(|_| <&mut [f32]>::default()).collect();
        in_groups(&chunks, outputs, none, chunk, |all, other| {
            add(&other.weight, &mut all.weight);
            add(&other.positions, &mut all.positions);
            all.norm.merge(&other.norm);
        })
    }

    /// Images cut into flattened patches, channel first within a patch. Zeros stand for the class, so that one product
    /// projects all rows.
    ///
    /// # Shapes
    ///
    /// - `images`: `[count, 3, image, image]`
    /// - output: `[count (1 + patches), 3 patch patch]`
    fn patches(&self, images: &[f32]) -> Buffer {
        let (side, patch, image) = (self.side(), self.patch, self.image);
        let count = images.len() / self.image_values();
        let mut patches = Buffer::new(count * self.length() * self.patch_values());
        let of_images = patches.chunks_exact_mut(self.length() * self.patch_values());
        for (pixels, patches) in images.chunks_exact(self.image_values()).zip(of_images) {
            let (class, patches) = patches.split_at_mut(self.patch_values());
            class.fill(0.0);
            for (i, out) in patches.chunks_exact_mut(self.patch_values()).enumerate() {
                let first = (i / side * image + i % side) * patch;
                for (k, line) in out.chunks_exact_mut(patch).enumerate() {
                    let from = first + (k / patch * image + k % patch) * image;
                    line.copy_from_slice(&pixels[from..from + patch]);
                }
            }
        }
        patches
    }
}
