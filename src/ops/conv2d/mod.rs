//! 2-D convolution with stride 1, channels last, with its bias, ReLU and 2x2 max pooling in the same op.

pub(crate) mod backward;
pub(crate) mod forward;
mod geometry;
mod inputs;
pub(crate) mod kernel;
pub(crate) mod panels;
mod winograd;

pub use geometry::{Geometry, PARTS, parts};

use crate::ops::gather::gather;
use crate::ops::host::{Held, Image, Matrix, Vector, add_to, copy};
use crate::ops::{Activation, activation, pool2d, space_depth};
use dfdx::prelude::*;

/// What a convolution does beside its sums.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conv2d {
    /// Rows and columns of zeros around the picture; at most the kernel's size less one.
    pub pad: usize,
    /// `max(0, .)` of the sums.
    pub relu: bool,
    /// Leaky ReLU of the sums, [`crate::ops::Activation::LeakyRelu`], instead of ReLU; not with the pool.
    pub leaky: bool,
    /// 2x2 max pooling with stride 2 of the result; an odd last row or column is left out.
    pub pool: bool,
    /// Convolve the squares of 2x2 pixels, `space_to_depth(x, 1)`, in the place of `x`; without `pad`. With weights
    /// `(O, 2, 2, 4 C)` this is a 4x4 convolution of stride 2, padded by 1; see
    /// [`crate::ops::SpaceDepthOp::space_to_depth`].
    pub squares: bool,
    /// Leave out the gradient of the input: the first layer of a net spends much time on one that nobody reads.
    pub no_input_gradient: bool,
    /// Leave out the gradients of weights and bias: a net that is only passed through, on the way to what stands before
    /// it, need not learn. On the CPU this saves their time and the memory of the input.
    pub no_weight_gradient: bool,
}

/// Convolution on a device.
///
/// `y[b, i, j, o] = bias[o] + sum_(u, v, c) x[b, i + u - pad, j + v - pad, c] * w[o, u, v, c]`, then ReLU, then the
/// largest of each 2x2. Shapes: `x (B, H, W, C)`, `w (O, k, k, C)`, `bias (O)`, `y (B, H', W', O)` with
/// `H' = H + 2 pad - k + 1`, halved by the pool.
///
/// It matches `torch.nn.functional.conv2d` on permuted tensors. Where several inputs of a pool are equal, the CPU
/// kernel sends the gradient to the first, as PyTorch does; the composition sends it to each, as dfdx's `max` does.
pub trait Conv2dOp: Device<f32> {
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the shapes do not fit each other.
    fn conv2d<T: Tape<f32, Self>>(
        x: Image<Self, T>,
        w: &Image<Self>,
        bias: Option<&Vector<Self>>,
        spec: Conv2d,
    ) -> Result<Image<Self, T>, Self::Err> {
        composed(x, w, bias, spec)
    }

    /// `onto` plus the convolution: a residual connection (He et al. 2016, equation 1) without a pass of its own.
    ///
    /// `onto` is shaped as the result; gradients flow to it too.
    ///
    /// # Errors
    /// When the device is out of memory.
    /// # Panics
    /// When the shapes do not fit each other, or `spec` asks for ReLU or for the pool.
    fn conv2d_onto<T: Tape<f32, Self>>(
        onto: Image<Self, T>,
        x: Image<Self, T>,
        w: &Image<Self>,
        bias: Option<&Vector<Self>>,
        spec: Conv2d,
    ) -> Result<Image<Self, T>, Self::Err> {
        composed_onto(onto, x, w, bias, spec)
    }
}

impl Conv2dOp for Cpu {
    fn conv2d<T: Tape<f32, Self>>(
        x: Image<Self, T>,
        w: &Image<Self>,
        bias: Option<&Vector<Self>>,
        spec: Conv2d,
    ) -> Result<Image<Self, T>, Self::Err> {
        fused(None, x, w, bias, spec)
    }

    fn conv2d_onto<T: Tape<f32, Self>>(
        onto: Image<Self, T>,
        x: Image<Self, T>,
        w: &Image<Self>,
        bias: Option<&Vector<Self>>,
        spec: Conv2d,
    ) -> Result<Image<Self, T>, Self::Err> {
        check_onto(&geometry(x.shape(), w.shape(), spec), onto.shape(), spec);
        fused(Some(onto), x, w, bias, spec)
    }
}

fn fused<T: Tape<f32, Cpu>>(
    onto: Option<Image<Cpu, T>>,
    x: Image<Cpu, T>,
    w: &Image<Cpu>,
    bias: Option<&Vector<Cpu>>,
    spec: Conv2d,
) -> Result<Image<Cpu, T>, CpuError> {
    let g = geometry(x.shape(), w.shape(), spec);
    let (x, mut tape) = x.split_tape();
    let (onto, onto_tape) = onto.map(SplitTape::split_tape).unzip();
    tape = tape.merge(onto_tape.unwrap_or_default());
    let (numbers, layer) = (Held::new(&x), Layer { g, spec, weights: Held::new(w), shifts: bias.map(Held::new) });
    let forward::Outputs { y, select } = layer.forward(&numbers, onto.as_ref().map(|onto| copy(&Held::new(onto))));
    let y = x.device().try_tensor_from_vec(y, out_shape(&g, spec))?;
    let (x_ghost, onto_ghost, y_ghost) = (x.ghost(), onto.map(|onto| onto.ghost()), y.ghost());
    let (w, bias) = (w.clone(), bias.cloned());
    let numbers = (!spec.no_weight_gradient).then_some(numbers);
    tape.add_backward_op(move |grads| {
        let dy = std::mem::take(&mut **grads.get_or_alloc_mut(&y_ghost)?);
        if let Some(onto_ghost) = &onto_ghost {
            add_to(grads.get_or_alloc_mut(onto_ghost)?, &dy);
        }
        let mut dx = match spec.no_input_gradient {
            true => None,
            false => Some(std::mem::take(&mut **grads.get_or_alloc_mut(&x_ghost)?)),
        };
        let sums = layer.backward(numbers.as_deref().unwrap_or_default(), &select, &dy, dx.as_deref_mut());
        if let Some(dx) = dx {
            **grads.get_or_alloc_mut(&x_ghost)? = dx;
        }
        if let Some(sums) = sums {
            add_to(grads.get_or_alloc_mut(&w)?, &sums.weights);
            if let Some(bias) = &bias {
                add_to(grads.get_or_alloc_mut(bias)?, &sums.bias);
            }
        }
        Ok(())
    });
    Ok(y.put_tape(tape))
}

/// What both passes know of a convolution.
struct Layer {
    g: Geometry,
    spec: Conv2d,
    weights: Held<Shape4>,
    shifts: Option<Held<(usize,)>>,
}

impl Layer {
    fn forward(&self, x: &[f32], onto: Option<Vec<f32>>) -> forward::Outputs {
        let epilogue = epilogue(self.spec, &self.shifts);
        match onto {
            Some(onto) => forward::forward_onto(&self.g, x, &self.weights, &epilogue, onto),
            None => forward::forward(&self.g, x, &self.weights, &epilogue),
        }
    }

    /// Adds to `dx`; the sums for weights and bias, where anybody asks for them.
    fn backward(&self, x: &[f32], select: &[u8], dy: &[f32], dx: Option<&mut [f32]>) -> Option<backward::Gradients> {
        let epilogue = epilogue(self.spec, &self.shifts);
        if !self.spec.no_weight_gradient {
            return Some(backward::backward(&self.g, x, &self.weights, &epilogue, select, dy, dx));
        }
        if let Some(dx) = dx {
            backward::backward_input(&self.g, &self.weights, &epilogue, select, dy, dx);
        }
        None
    }
}

#[cfg(feature = "cuda")]
impl Conv2dOp for Cuda {}

type Shape4 = (usize, usize, usize, usize);

fn epilogue(spec: Conv2d, bias: &Option<Held<(usize,)>>) -> forward::Epilogue<'_> {
    forward::Epilogue { bias: bias.as_deref(), relu: spec.relu, leaky: spec.leaky, pool: spec.pool }
}

fn geometry(x: &Shape4, w: &Shape4, spec: Conv2d) -> Geometry {
    let &(batch, height, width, channels) = x;
    let (height, width, channels) = if spec.squares {
        assert!(height % 2 == 0 && width % 2 == 0 && spec.pad == 0, "conv2d: no squares");
        (height / 2 + 1, width / 2 + 1, 4 * channels)
    } else {
        (height, width, channels)
    };
    let &(filters, kernel, kernel_width, weight_channels) = w;
    assert_eq!(kernel, kernel_width, "conv2d: the kernel is not square");
    assert_eq!(channels, weight_channels, "conv2d: input and weights have different channels");
    let smallest = kernel + usize::from(spec.pool);
    assert!(spec.pad < kernel && height.min(width) + 2 * spec.pad >= smallest, "conv2d: bad sizes");
    assert!(!(spec.leaky && (spec.relu || spec.pool)), "conv2d: leaky ReLU stands alone");
    Geometry { batch, height, width, channels, filters, kernel, pad: spec.pad, squares: spec.squares }
}

fn out_shape(g: &Geometry, spec: Conv2d) -> Shape4 {
    let by = if spec.pool { 2 } else { 1 };
    (g.batch, g.out_height() / by, g.out_width() / by, g.filters)
}

fn check_onto(g: &Geometry, onto: &Shape4, spec: Conv2d) {
    assert!(!(spec.relu || spec.leaky || spec.pool), "conv2d_onto: sums alone can be added");
    assert_eq!(*onto, out_shape(g, spec), "conv2d_onto: onto what has another shape");
}

/// The same convolution composed of dfdx's own ops: windows gathered by a precomputed index, then one matrix product.
pub fn composed<D: Device<f32>, T: Tape<f32, D>>(
    x: Image<D, T>,
    w: &Image<D>,
    bias: Option<&Vector<D>>,
    spec: Conv2d,
) -> Result<Image<D, T>, D::Err> {
    let g = geometry(x.shape(), w.shape(), spec);
    if spec.no_weight_gradient {
        // Copies under other identities: what flows to them reaches nobody.
        let (w, bias) = (w.clone().try_mul(1.0)?, bias.map(|bias| bias.clone().try_mul(1.0)).transpose()?);
        return composed(x, &w, bias.as_ref(), Conv2d { no_weight_gradient: false, ..spec });
    }
    let x = if spec.squares { space_depth::composed_to_depth(x, 1)? } else { x };
    let columns = gather(x, window_places(&g))?;
    let columns = columns.try_reshape_like(&(g.window_len(), g.positions() * g.batch))?;
    let windows: Matrix<D, T> = columns.try_permute::<_, Axes2<1, 0>>()?;
    let weights = w.retaped::<T>().try_reshape_like(&(g.filters, g.window_len()))?;
    let sums: Matrix<D, T> = windows.try_matmul(weights.try_permute::<_, Axes2<1, 0>>()?)?;
    let sums = match bias {
        Some(bias) => {
            let bias = bias.retaped::<T>().try_broadcast_like::<_, Axis<0>>(sums.shape())?;
            sums.try_add(bias)?
        }
        None => sums,
    };
    let sums = match (spec.relu, spec.leaky) {
        (true, _) => sums.try_relu()?,
        (_, true) => activation::composed(sums, Activation::LeakyRelu)?,
        _ => sums,
    };
    let sums = sums.try_reshape_like(&(g.positions(), g.batch, g.filters))?;
    let images: Tensor<(usize, usize, usize), f32, D, T> = sums.try_permute::<_, Axes3<1, 0, 2>>()?;
    let images = images.try_reshape_like(&(g.batch, g.out_height(), g.out_width(), g.filters))?;
    if spec.pool { pool2d::composed_max(images) } else { Ok(images) }
}

/// [`Conv2dOp::conv2d_onto`] composed of dfdx's own ops.
pub fn composed_onto<D: Device<f32>, T: Tape<f32, D>>(
    onto: Image<D, T>,
    x: Image<D, T>,
    w: &Image<D>,
    bias: Option<&Vector<D>>,
    spec: Conv2d,
) -> Result<Image<D, T>, D::Err> {
    check_onto(&geometry(x.shape(), w.shape(), spec), onto.shape(), spec);
    onto.try_add(composed(x, w, bias, spec)?)
}

/// For each window element and each position the place in the flat picture, or the place behind it for padding.
fn window_places(g: &Geometry) -> Vec<usize> {
    let mut places = Vec::with_capacity(g.window_len() * g.positions());
    for (u, v) in (0..g.kernel).flat_map(|u| (0..g.kernel).map(move |v| (u, v))) {
        for c in 0..g.channels {
            for (i, j) in (0..g.out_height()).flat_map(|i| (0..g.out_width()).map(move |j| (i, j))) {
                let (row, col) = ((i + u).wrapping_sub(g.pad), (j + v).wrapping_sub(g.pad));
                let inside = row < g.height && col < g.width;
                places.push(if inside { (row * g.width + col) * g.channels + c } else { g.image_len() });
            }
        }
    }
    places
}

#[cfg(test)]
mod tests;
