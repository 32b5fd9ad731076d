//! `rlab vm run`, as a recipe.
