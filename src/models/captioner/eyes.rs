//! Where image tokens come from.

use super::parts::{Drops, Maker};
use super::settings::{EyesSettings, Group};
use super::vit::Vit;
use crate::nn::{LayerNorm, Linear, Module, Role, Scope, Visitor};
use crate::ops::{Backend, Image, Matrix, Tokens};
use dfdx::prelude::*;

/// What is shown to a captioner.
#[derive(Clone, Debug)]
pub enum Sight<D: Backend, T = NoneTape> {
    /// `(B, H, W, C)`, normalised.
    Pictures(Image<D>),
    /// Feature maps of another net, `(B, N, C)` each. On the tape of that net they train it too; on a new one it is frozen.
    Features(Vec<Tokens<D, T>>),
}

/// Makes image tokens `(B, M, width)` of what is shown.
#[derive(Clone, Debug)]
pub enum Eyes<D: Backend> {
    Vit(Box<Vit<D>>),
    Borrowed(Borrowed<D>),
}

impl<D: Backend> Eyes<D> {
    pub(super) fn new(make: &Maker<D>, settings: &EyesSettings, width: usize) -> Result<Self, D::Err> {
        match settings {
            EyesSettings::Vit(settings) => Ok(Self::Vit(Box::new(Vit::new(make, settings)?))),
            EyesSettings::Borrowed(groups) => Ok(Self::Borrowed(Borrowed::new(make, groups, width)?)),
        }
    }

    /// # Panics
    /// When the captioner's eyes are not for this.
    pub(super) fn train<T: Tape<f32, D>>(
        &mut self,
        sight: Sight<D, T>,
        drops: Option<Drops>,
    ) -> Result<Tokens<D, T>, D::Err> {
        match (self, sight) {
            (Self::Vit(vit), Sight::Pictures(pictures)) => vit.train(pictures, drops),
            (Self::Borrowed(borrowed), Sight::Features(features)) => borrowed.forward(features),
            _ => panic!("{OTHER_EYES}"),
        }
    }

    /// # Panics
    /// When the captioner's eyes are not for this.
    pub(super) fn infer(&self, sight: Sight<D>) -> Result<Tokens<D>, D::Err> {
        match (self, sight) {
            (Self::Vit(vit), Sight::Pictures(pictures)) => vit.infer(pictures),
            (Self::Borrowed(borrowed), Sight::Features(features)) => borrowed.forward(features),
            _ => panic!("{OTHER_EYES}"),
        }
    }
}

const OTHER_EYES: &str = "captioner: a ViT looks at pictures, borrowed eyes give features";

impl<D: Backend> Module<D> for Eyes<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        match self {
            Self::Vit(vit) => vit.walk(scope, visitor),
            Self::Borrowed(borrowed) => borrowed.walk(scope, visitor),
        }
    }
}

/// Feature maps of another net as image tokens: each map normalised, since nets differ in size, brought to the decoder's
/// width by a linear layer, and told its places.
#[derive(Clone, Debug)]
pub struct Borrowed<D: Backend> {
    maps: Vec<Map<D>>,
}

#[derive(Clone, Debug)]
struct Map<D: Backend> {
    norm: LayerNorm<D>,
    linear: Linear<D>,
    positions: Matrix<D>,
}

/// Added to the variances of the maps' norms: features of a ReLU may be all alike.
const EPS: f32 = 1e-5;

impl<D: Backend> Borrowed<D> {
    fn new(make: &Maker<D>, groups: &[Group], width: usize) -> Result<Self, D::Err> {
        let maps = groups.iter().enumerate().map(|(index, group)| {
            let name = |part| format!("encoder.map.{index}.{part}");
            Ok(Map {
                norm: LayerNorm::new(make.device, group.width, EPS)?,
                linear: make.linear(&name("linear"), (group.width, width), true, 1.0)?,
                positions: make.table(&name("positions"), group.tokens, width)?,
            })
        });
        Ok(Self { maps: maps.collect::<Result<_, _>>()? })
    }

    /// # Panics
    /// When the features are not shaped as the settings say.
    fn forward<T: Tape<f32, D>>(&self, features: Vec<Tokens<D, T>>) -> Result<Tokens<D, T>, D::Err> {
        assert_eq!(features.len(), self.maps.len(), "captioner: another number of feature maps");
        let mut tokens: Option<Tokens<D, T>> = None;
        for (map, features) in self.maps.iter().zip(features) {
            assert_eq!(features.shape().1, map.positions.shape().0, "captioner: feature maps of another size");
            let own = map.linear.forward_tokens(map.norm.forward(features)?)?;
            let own = D::add_positions(own, &map.positions, 0)?;
            tokens = Some(match tokens {
                Some(before) => D::concat_tokens(before, own)?,
                None => own,
            });
        }
        Ok(tokens.expect("settings with at least one map"))
    }
}

impl<D: Backend> Module<D> for Borrowed<D> {
    fn walk<V: Visitor<D>>(&mut self, scope: &Scope, visitor: &mut V) -> Result<(), V::Err> {
        self.maps.iter_mut().enumerate().try_for_each(|(index, map)| {
            let scope = scope.child("map").child(&index.to_string());
            map.norm.walk(&scope.child("norm"), visitor)?;
            map.linear.walk(&scope.child("linear"), visitor)?;
            visitor.visit(scope.child("positions").name(), Role::Bias, &mut map.positions)
        })
    }
}
