"""Attribution: which inputs moved a model's output, and how far that account can be trusted. Arrays and tensors only.

linear, tree, gradients : SHAP values of linear models, trees and networks -> Explanation.
tokens : a vocabulary's features by name; gathers genes into gene sets and levels into variables.
deletion : deletion and insertion curves. stability : agreement of rankings. share : parts of the summed |SHAP|.
attention : where a network looks; no attribution.
counterfactual, search, neighbours : the smallest change that flips a prediction, and whether such a patient exists.
"""
