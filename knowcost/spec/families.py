"""The families of models, and the words that figures and report have for families, scopes and kinds of comparison."""

from knowcost.spec.variants import ATTENTION_PARTS

GENERATIVE = ("encoder_decoder", "decoder")
FAMILIES = ("encoder", *GENERATIVE)
COMMON_SCOPES = ("overall", "attention", "feed_forward", "final")  # of every family
SHOWN_SCOPES = (*COMMON_SCOPES, *ATTENTION_PARTS)  # in the order of tables and figures

LABELS = {  # the words of figures and report
    "overall": "everything", "attention": "attention", "feed_forward": "feed-forward", "final": "final layer",
    "self_attention": "self-attention", "cross_attention": "cross-attention",
    "encoder_attention": "encoder attention", "decoder_attention": "decoder attention",
    "final_unstructured": "single weights", "final_structured": "whole rows",
    "encoder": "encoder", "encoder_decoder": "encoder-decoder", "decoder": "decoder",
    "prune_pattern": "pruned N:M", "quantize_bits": "quantized to few bits",
    "prune": "pruned", "quantize": "quantized", "prune_quantize": "pruned, then quantized",
    "other": "other recipes", "recover": "recovered", "brought": "compressed elsewhere", "mixed": "mixed scopes",
}  # fmt: skip
