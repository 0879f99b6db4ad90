//! Looks for numbers that no model can hold.

use super::{StateDict, StateDictError};

impl StateDict {
    /// Refuses weights with an infinity or a NaN: one of them makes all scores void without any error.
    ///
    /// One pass over all values, as fast as they come from memory.
    ///
    /// # Errors
    ///
    /// [`StateDictError::NotFinite`] with the first such tensor by name.
    pub fn check_finite(&self) -> Result<(), StateDictError> {
        for (name, tensor) in &self.tensors {
            if !all_finite(&tensor.data)
                && let Some(position) = tensor.data.iter().position(|value| !value.is_finite())
            {
                let (name, value) = (name.clone(), tensor.data[position]);
                return Err(StateDictError::NotFinite { name, position, value });
            }
        }
        Ok(())
    }
}

/// Without a way out of the loop, so that it is done with vectors.
fn all_finite(values: &[f32]) -> bool {
    values.iter().fold(0, |odd, value| odd | u32::from(!value.is_finite())) == 0
}

#[cfg(test)]
mod tests {
    use super::super::{HostTensor, testing::small_clip, to_openai};

    #[test]
    fn the_first_tensor_that_is_not_finite_is_named() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut dict = small_clip();
            dict.tensors.get_mut("visual.proj").unwrap().data[0] = f32::NAN;
            dict.tensors.get_mut("ln_final.bias").unwrap().data[3] = value;
            let message = to_openai(dict).unwrap_err().to_string();
            assert!(message.starts_with(&format!("tensor `ln_final.bias` holds {value} at position 3")), "{message}");
        }
    }

    #[test]
    fn largest_and_smallest_numbers_and_the_mask_are_no_fault() {
        let mut dict = small_clip();
        let odd = [f32::MAX, f32::MIN, f32::MIN_POSITIVE / 2.0, -0.0];
        dict.tensors.get_mut("ln_final.bias").unwrap().data.copy_from_slice(&odd);
        dict.check_finite().unwrap();
        dict.insert("attn_mask", HostTensor::new([2], vec![0.0, f32::NEG_INFINITY]));
        to_openai(dict).unwrap();
    }
}
