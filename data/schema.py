"""Every table, column, dtype and unit of the cohort database, written once.

Loaders produce frames that `Table.conform` accepts; the store creates its tables from
here; pages take labels and units from here. Nulls stay null: a missing value is never 0.
"""
from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from data.schema_cells import CELL_DENSITY as CELL_DENSITY
from data.schema_cells import SPATIAL_STATISTIC as SPATIAL_STATISTIC
from data.schema_mixing import MIXING as MIXING
from data.schema_tissue import TISSUE_TABLES
from data.table import Column as Column
from data.table import Kind as Kind
from data.table import Table as Table
from data.table import category as _category
from data.table import flag as _flag
from data.table import identifier as _id
from data.table import integer as _int
from data.table import number as _number
from data.table import text as _text

SCHEMA_VERSION = 1

DAYS_PER_MONTH = 30.4375
RECIST_LEVELS = ("CR", "PR", "SD", "PD")
PHENOTYPES = ("desert", "excluded", "inflamed")

_T, _F, _I, _B = pl.String(), pl.Float64(), pl.Int64(), pl.Boolean()
_F32, _LF32, _LT = pl.Float32(), pl.List(pl.Float32), pl.List(pl.String)


def _endpoint(prefix: str, label: str) -> tuple[Column, Column]:
    start = "from first dose (treated cohorts) or diagnosis (TCGA)"
    return (
        Column(name=f"{prefix}_months", dtype=_F, label=label, unit="months", kind="time", about=start),
        Column(
            name=f"{prefix}_event",
            dtype=_B,
            label=f"{label}: event",
            kind="event",
            about="true = event, false = censored",
        ),
    )


_STUDY = _id("study", "Study")
_COHORT = _category("cohort", "Cohort", "a separately judged group of patients inside a study")
_PATIENT = _id("patient_id", "Patient", "'study:' + the id that the source gives; unique over all studies")

STUDY = Table(
    name="study",
    about="One row a study: where it came from and what it may be used for.",
    key=("study",),
    columns=(
        _STUDY,
        _text("title", "Title"),
        _text("citation", "Citation"),
        _text("doi", "DOI"),
        _text("licence", "Licence"),
        _text("cancer", "Cancer"),
        _text("treatment", "Treatment"),
        _flag("synthetic", "Synthetic", "true only for the simulator's studies"),
        _flag("uploaded", "Uploaded by a user"),
        _text("response_definition", "Response definition"),
        _text("status", "Status", "'built' or 'unavailable'"),
        _text("reason", "Why it is unavailable"),
        _text("notes", "Notes", "one loader note a line"),
        _text("version", "Version", "hash of the study's files and loader"),
    ),
)

PATIENT = Table(
    name="patient",
    about="One row a patient: clinical, treatment, biomarkers, endpoints.",
    key=("patient_id",),
    columns=(
        _PATIENT,
        _STUDY,
        _COHORT,
        _id("source_id", "Source id", "the id as published"),
        # who
        _number("age_years", "Age", "years"),
        _category("sex", "Sex", "'female' or 'male'"),
        _category("race", "Race"),
        _category("cancer_type", "Cancer type"),
        _category("histology", "Histology"),
        _category("stage", "Stage"),
        _category("ecog", "ECOG performance status"),
        _category("smoking", "Smoking", "'never', 'former', 'current', 'ever'"),
        _number("pack_years", "Smoking", "pack-years"),
        _number("bmi", "Body mass index", "kg/m²"),
        _category("sample_site", "Biopsy site"),
        _category("metastatic_site", "Metastatic site"),
        _number("treatment_year", "Year of treatment start"),
        # treatment
        _category("drug", "Drug"),
        _category(
            "drug_class", "Drug class", "'PD-1/PD-L1', 'CTLA-4', 'combination', 'ICB + chemotherapy', 'no ICB', ..."
        ),
        _category("arm", "Arm", "'ICB' or 'control'"),
        _flag("prior_systemic_therapy", "Prior systemic therapy"),
        _flag("prior_platinum", "Prior platinum"),
        _flag("prior_ctla4", "Prior anti-CTLA-4"),
        # biomarkers
        _number("tmb_per_mb", "Tumour mutational burden", "mutations/Mb"),
        _number("mutation_count", "Non-synonymous mutations", "mutations"),
        _number("neoantigen_per_mb", "Neoantigen burden", "neoantigens/Mb"),
        _number("neoantigen_count", "Neoantigens", "neoantigens"),
        _number("pdl1_tps_percent", "PD-L1 tumour proportion score", "%"),
        _category("pdl1_ic", "PD-L1 on immune cells", "'IC0', 'IC1', 'IC2+'"),
        _category("pdl1_tc", "PD-L1 on tumour cells", "'TC0', 'TC1', 'TC2+'"),
        _flag("msi_high", "Microsatellite instability, high"),
        _number("albumin_g_per_dl", "Albumin", "g/dL"),
        _number("nlr", "Neutrophil-to-lymphocyte ratio"),
        _number("platelets_per_nl", "Platelets", "10⁹/L"),
        _number("haemoglobin_g_per_dl", "Haemoglobin", "g/dL"),
        _category("ldh", "Lactate dehydrogenase", "'normal' or 'elevated'"),
        _number("fcna", "Fraction of genome with copy-number alteration"),
        _flag("hla_loh", "HLA loss of heterozygosity"),
        _number("hed", "HLA-I evolutionary divergence"),
        _number("purity", "Tumour purity"),
        _number("ploidy", "Ploidy"),
        _number("leukocyte_fraction", "Leukocyte fraction"),
        _number("til_percent", "Tumour-infiltrating lymphocytes, H&E", "% of tissue"),
        _category(
            "til_pattern", "TIL map pattern, H&E", "'Brisk Diffuse', 'Brisk Band-like', 'Non-Brisk Multifocal', ..."
        ),
        _category("phenotype", "Immune phenotype", "'desert', 'excluded' or 'inflamed', by pathology"),
        _category("molecular_subtype", "Molecular subtype"),
        _category("immune_subtype", "Immune subtype (C1–C6)"),
        # endpoints
        _number(
            "tumour_change_percent",
            "Best change of target lesions",
            "%",
            about="smallest sum of diameters after the start against baseline; -100 = all gone; null = not measured",
        ),
        Column(
            name="entry_months",
            dtype=_F,
            label="Entry under observation",
            unit="months",
            kind="time",
            about="left truncation: months from the start of follow-up until the patient could be seen; null = from the start",
        ),
        _category("recist", "Best response (RECIST)", "'CR', 'PR', 'SD' or 'PD'"),
        _flag("response", "Response", "RECIST CR or PR against SD or PD; null = not evaluable"),
        _text("response_definition", "Response definition", "how `response` was made"),
        *_endpoint("os", "Overall survival"),
        *_endpoint("pfs", "Progression-free survival"),
        *_endpoint("dss", "Disease-specific survival"),
        *_endpoint("dfi", "Disease-free interval"),
    ),
)

SAMPLE = Table(
    name="sample",
    about="One row a biological sample; a patient may have several.",
    key=("sample_id",),
    columns=(
        _id("sample_id", "Sample"),
        _PATIENT,
        _STUDY,
        _category("kind", "Kind", "'rna', 'exome', 'panel', 'slide', 'section'"),
        _category("timepoint", "Time point", "'pre-treatment', 'on-treatment', ..."),
        _category("site", "Site"),
        _category(
            "immune_subtype", "Immune subtype (C1–C6)", "of this very sample; the patient's row has one per patient"
        ),
    ),
)

ASSAY = Table(
    name="assay",
    about="One row a matrix of `expression`: its unit and, in order, the samples its value lists run over.",
    key=("study", "assay"),
    columns=(
        _STUDY,
        _id("assay", "Assay"),
        _text("unit", "Unit", "'log2 TPM', 'voom log2 CPM', 'z-score', 'counts', 'intensity'"),
        _category("level", "Level", "'patient' (one column a patient's sample), 'spot' or 'cell'"),
        _flag("preferred", "Preferred", "the assay that scores are computed from"),
        _int("n_genes", "Genes"),
        Column(name="samples", dtype=_LT, label="Samples", kind="list"),
        Column(name="patients", dtype=_LT, label="Patients", kind="list"),
    ),
)

EXPRESSION = Table(
    name="expression",
    about="One row a gene of an assay; values run over the assay's samples. Clustered by gene, so that one gene over all "
    "cohorts and one cohort over all genes are both one short scan.",
    key=("study", "assay", "gene"),
    columns=(
        _STUDY,
        _id("assay", "Assay"),
        _id("gene", "Gene", "HGNC symbol as the source gives it, upper case"),
        Column(name="values", dtype=_LF32, label="Expression", kind="list"),
    ),
)

MUTATION = Table(
    name="mutation",
    about="One row a somatic mutation.",
    key=(),
    columns=(
        _PATIENT,
        _STUDY,
        _id("gene", "Gene"),
        _text("protein_change", "Protein change"),
        _category("effect", "Effect", "'missense', 'nonsense', 'frameshift', 'splice', 'inframe', 'silent', 'other'"),
        _text("chromosome", "Chromosome"),
        _int("position", "Position", "bp"),
        _text("reference_allele", "Reference"),
        _text("alternate_allele", "Alternate"),
        _number("vaf", "Variant allele fraction"),
    ),
)

COPY_NUMBER = Table(
    name="copy_number",
    about="One row a gene of a patient with a copy-number call other than neutral.",
    key=("patient_id", "gene"),
    columns=(
        _PATIENT,
        _STUDY,
        _id("gene", "Gene"),
        Column(
            name="call",
            dtype=pl.Int8(),
            label="Copy-number call",
            kind="number",
            about="-2 deep deletion .. +2 amplification",
        ),
    ),
)

SIGNATURE_SCORE = Table(
    name="signature_score",
    about="One row a signature of a patient.",
    key=("patient_id", "signature", "assay"),
    columns=(
        _PATIENT,
        _STUDY,
        _id("assay", "Assay"),
        _id("signature", "Signature"),
        _number("score", "Score", about="in the unit of the signature's method"),
        _number("z", "Score, standardised within the cohort", "SD"),
        _number("coverage", "Genes of the signature that the assay has", "fraction"),
    ),
)

CELL_FRACTION = Table(
    name="cell_fraction",
    about="One row a cell type of a patient, by deconvolution or published table.",
    key=("patient_id", "method", "cell_type"),
    columns=(
        _PATIENT,
        _STUDY,
        _category("method", "Method", "'quanTIseq', 'CIBERSORT', ..."),
        _id("cell_type", "Cell type"),
        _number("fraction", "Fraction"),
    ),
)

SLIDE_FEATURE = Table(
    name="slide_feature",
    about="One row a feature of a slide.",
    key=("slide_id", "feature"),
    columns=(
        _id("slide_id", "Slide"),
        _PATIENT,
        _STUDY,
        _id("feature", "Feature"),
        _number("value", "Value"),
    ),
)

SLIDE = Table(
    name="slide",
    about="One row a slide picture that is at hand as a file.",
    key=("slide_id",),
    columns=(
        _id("slide_id", "Slide"),
        Column(name="patient_id", dtype=_T, label="Patient", kind="id", about="null = not a known patient"),
        _STUDY,
        _text("title", "Title"),
        _text("file", "File", "ending of the pinned URL"),
        _text("format", "Format", "'svs', 'jpg' or 'png'"),
        _int("width_px", "Width", "px"),
        _int("height_px", "Height", "px"),
        _number("um_per_px", "Resolution", "µm/px", about="null = the file does not say"),
        _number("objective", "Objective", "x"),
        _number("spot_scale", "Spot pixel factor", about="spot pixel coordinates x this = pixels of this picture"),
    ),
)

SPOT = Table(
    name="spot",
    about="One row a spatial spot or segmented cell.",
    key=("study", "section_id", "spot_id"),
    columns=(
        _STUDY,
        _PATIENT,
        _id("section_id", "Section"),
        _id("spot_id", "Spot"),
        _category("kind", "Kind", "'spot' or 'cell'"),
        _number("x_um", "x", "µm"),
        _number("y_um", "y", "µm"),
        _number("pixel_x", "x", "px"),
        _number("pixel_y", "y", "px"),
        _category("label", "Label", "pathologist's region, or cell phenotype"),
        _number("total", "Counts", "molecules"),
    ),
)

EMBEDDING = Table(
    name="embedding",
    about="One row a patient's feature-space coordinates and their two-dimensional picture.",
    key=("patient_id", "space"),
    columns=(
        _PATIENT,
        _STUDY,
        _id("space", "Feature space", "'tme_signatures', or the name of a model: see table model"),
        Column(name="vector", dtype=_LF32, label="Vector", kind="list"),
        _number("umap_1", "UMAP 1"), _number("umap_2", "UMAP 2"),
        _category("protocol", "Protocol", "see PROTOCOLS; null in a space that no labels shaped"),
        _text("input_hash", "Input hash", "of everything that the model read about the patient"),
        Column(name="seen", dtype=_LT, label="Kinds of measurement seen", kind="list"), _number("log_odds", "Log-odds of response, by the model"),
        _number("os_risk", "Risk of death, by the model", about="higher = sooner; a score, no probability"),
        _number("pfs_risk", "Risk of progression, by the model", about="higher = sooner; a score, no probability"),
        Column(name="subtype", dtype=_LF32, label="Immune subtypes C1–C6, probabilities by the model", kind="list"),
    ),
)  # fmt: skip

MODEL = Table(
    name="model",
    about="One row a trained model that embedded patients: what its card says.",
    key=("model",),
    columns=(
        _id("model", "Model", "name and hash of weights and card"), _text("name", "Name"), _text("created", "Created", "UTC"),
        _flag("main", "Main model", "false = trained without a cohort, to speak about that cohort"),
        Column(name="trained_on", dtype=_LT, label="Trained on", kind="list", about="'study/cohort'"),
        Column(name="without", dtype=_LT, label="Left out of the training", kind="list", about="'study/cohort'"),
        _text("intended_use", "Intended use"), _text("limits", "Limits"),
        _text("data_hash", "Data hash", "of the inputs and outcomes that trained it"), _int("patients", "Patients in training"),
        _int("seeds", "Members of the ensemble"), _int("parameters", "Parameters"), _int("bytes", "Size", "bytes"),
        _text("sha256", "SHA-256 of the weights"), _text("metrics", "Metrics", "JSON, as on the card"),
        _text("config", "Config", "JSON, as on the card"),
    ),
)  # fmt: skip

PREDICTION = Table(
    name="prediction",
    about="One row a predictor's score for a patient, with the protocol that made it.",
    key=("patient_id", "predictor", "protocol"),
    columns=(
        _PATIENT,
        _STUDY,
        _COHORT,
        _id("predictor", "Predictor"),
        _category("protocol", "Protocol", "see PROTOCOLS"),
        _number("score", "Score", about="higher = more likely to respond"),
        _number("probability", "Probability of response", about="null where the score is not a probability"),
        _text("trained_on", "Trained on"),
    ),
)

ATTRIBUTION = Table(
    name="attribution",
    about="One row a feature's SHAP value for a patient, in log-odds; base + sum of SHAP = the model's output.",
    key=("patient_id", "predictor", "protocol", "feature"),
    columns=(
        _PATIENT,
        _STUDY,
        _COHORT,
        _id("predictor", "Predictor"),
        _category("protocol", "Protocol"),
        _id("feature", "Feature"),
        _text("feature_group", "Correlated group"),
        _number("value", "Feature value", about="in the feature's own unit; null = imputed inside the fold"),
        _number("shap", "SHAP value", "log-odds"),
        _number("base", "Base value", "log-odds"),
        _number("output", "Model output", "log-odds"),
    ),
)

ATTRIBUTION_SUMMARY = Table(
    name="attribution_summary",
    about="One row a feature of a predictor on a cohort: how much it moves the output, and whether that beats shuffled labels.",
    key=("study", "cohort", "predictor", "protocol", "feature"),
    columns=(
        _STUDY,
        _COHORT,
        _id("predictor", "Predictor"),
        _category("protocol", "Protocol"),
        _id("feature", "Feature"),
        _text("label", "Feature in words"),
        _text("feature_group", "Correlated group", "features whose ranks correlate above .7 with each other"),
        _int("n", "Patients"),
        _number("mean_abs_shap", "Mean absolute SHAP value", "log-odds"),
        _number("ci_low", "Mean absolute SHAP value, lower 95%", "log-odds", about="bootstrap over patients"),
        _number("ci_high", "Mean absolute SHAP value, upper 95%", "log-odds", about="bootstrap over patients"),
        _number("null_95", "95th percentile with shuffled labels", "log-odds", about="null for a published formula"),
        _flag("beats_null", "Beats shuffled labels"),
        _number("rank_low", "Rank, lower 95%", about="over refits or resamples; 1 = strongest"),
        _number("rank_high", "Rank, upper 95%", about="over refits or resamples"),
        _number("in_top", "Share of refits or resamples among the strongest", "fraction"),
        _number("attention", "Attention", "fraction", about="of the last layer's patient token; no importance; null = the model has none"),
    ),
)

ATTRIBUTION_CURVE = Table(
    name="attribution_curve",
    about="One row a point of a deletion or insertion curve: distance from the full output, log-odds, mean over patients.",
    key=("study", "cohort", "predictor", "protocol", "curve", "features"),
    columns=(
        _STUDY, _COHORT, _id("predictor", "Predictor"), _category("protocol", "Protocol"),
        _category("curve", "Curve", "'deletion', 'insertion', 'random_deletion' or 'random_insertion'"),
        _int("features", "Features taken away or put in"), _int("n", "Patients"), _number("change", "Distance from the full output", "log-odds"),
        _number("ci_low", "Lower 95%", "log-odds", about="bootstrap over patients; for random orders over orders"),
        _number("ci_high", "Upper 95%", "log-odds"),
    ),
)  # fmt: skip

ATTRIBUTION_MEASURE = Table(
    name="attribution_measure",
    about="One row a number on how far an attribution can be trusted.",
    key=("study", "cohort", "predictor", "protocol", "measure"),
    columns=(
        _STUDY, _COHORT, _id("predictor", "Predictor"), _category("protocol", "Protocol"),
        _id("measure", "Measure", "'deletion_ratio', 'insertion_ratio', 'rank_tau', 'top_overlap', 'threshold' or 'leftover'"),
        _number("value", "Value"), _number("ci_low", "Lower 95%"), _number("ci_high", "Upper 95%"),
        _int("n", "Patients, or draws"), _text("detail", "What it was taken over"),
    ),
)  # fmt: skip

COUNTERFACTUAL = Table(
    name="counterfactual",
    about="One row a feature of the smallest change that takes a patient's prediction across the threshold; feature '' = nothing may change.",
    key=("patient_id", "predictor", "protocol", "feature"),
    columns=(
        _PATIENT, _STUDY, _COHORT, _id("predictor", "Predictor"), _category("protocol", "Protocol"), _id("feature", "Feature"),
        _number("value_from", "Value now"), _number("value_to", "Value after the change"), _number("change_sd", "Change", "SD of the cohort"),
        _number("output", "Model output now", "log-odds"), _number("reached", "Model output after the change", "log-odds"),
        _number("threshold", "Threshold", "log-odds"), _flag("flips", "Crosses the threshold"),
        _flag("exact", "No smaller change exists in the model", "false = the smallest that a search found"),
        _number("place_before", "Share of the cohort nearer to its neighbours", "fraction"),
        _number("place_after", "The same after the change", "fraction"), _flag("off_manifold", "Like nobody in the cohort"),
    ),
)  # fmt: skip

CLUSTER = Table(
    name="cluster",
    about="One row a patient's TME type, found in feature space (never on UMAP coordinates).",
    key=("patient_id", "space"),
    columns=(
        _PATIENT,
        _STUDY,
        _id("space", "Feature space"),
        _int("cluster", "TME type"),
        _category("name", "TME type, named by its top signatures"),
        _number("stability", "Stability", about="mean Jaccard overlap of this type over bootstrap refits; null where there is one type"),
        _number("silhouette", "Silhouette"),
        _flag("stable", "Stable", "stability of .75 or more; null where there is one type"),
        _number("confidence", "Confidence", about="posterior of the patient's type, or share of the nearest patients that are in it"),
        _category("method", "Method", "that found the types; 'no structure' where one group is not rejected"),
        _number("p_structure", "p value of one group", about="against one group with the same correlations"),
    ),
)

PERFORMANCE = Table(
    name="performance",
    about="One row a predictor on a cohort: discrimination with its interval and protocol.",
    key=("study", "cohort", "predictor", "protocol"),
    columns=(
        _STUDY,
        _COHORT,
        _id("predictor", "Predictor"),
        _category("protocol", "Protocol"),
        _int("n", "Patients"),
        _int("n_missing", "Patients without the predictor"),
        _int("responders", "Responders"),
        _number("auc", "AUC"),
        _number("ci_low", "AUC, lower 95%"),
        _number("ci_high", "AUC, upper 95%"),
        _number("brier", "Brier score"),
        _number("brier_null", "Brier score of the prevalence"),
        _number("calibration_slope", "Calibration slope"),
        _number("calibration_intercept", "Calibration intercept"),
    ),
)

EVALUATION = Table(
    name="evaluation",
    about="One row a model's out-of-sample figure in a comparison of models, or its difference from another on the same patients.",
    key=("evaluation", "study", "cohort", "predictor", "against", "shuffled"),
    columns=(
        _id("evaluation", "Comparison", "which patients, endpoint and folds; 'unseen_cohorts', 'imvigor_response', 'tcga_luad', ..."),
        _category("protocol", "Protocol"),
        _category("endpoint", "Endpoint", "'response' or 'os'"),
        _id("study", "Study", "'' = size-weighted mean over the cohorts"),
        _id("cohort", "Cohort", "'' = size-weighted mean over the cohorts"),
        _id("predictor", "Predictor"),
        _text("label", "Predictor in words"),
        _flag("simple", "Simple", "a model that a deep one has to beat"),
        _id("against", "Less this predictor", "'' = the figure itself, else the difference on patients who have both"),
        _category("metric", "Metric", "'auc' or 'c_index'"),
        _number("estimate", "Estimate"),
        _number("ci_low", "Estimate, lower 95%", about="percentile bootstrap over patients, within cohorts"),
        _number("ci_high", "Estimate, upper 95%", about="percentile bootstrap over patients, within cohorts"),
        _int("n", "Patients"),
        _int("events", "Responders, or deaths"),
        _int("repeats", "Repeats"),
        _int("seed", "Seed"),
        _text("model", "Trained model that was compared"),
        _flag("shuffled", "Outcomes shuffled", "a control: true = the outcomes were dealt out anew within each cohort"),
    ),
)

GENE_SET = Table(
    name="gene_set",
    about="One row a gene of a published gene set or deconvolution reference.",
    key=("collection", "name", "gene"),
    columns=(
        _STUDY,
        _id("collection", "Collection", "'hallmark', 'mcp_counter', 'quantiseq_til10' or 'quantiseq_excluded'"),
        _id("name", "Set or cell type"),
        _id("gene", "Gene", "HGNC symbol as published, upper case"),
        _number("weight", "Weight", about="null in an unweighted set; mean TPM of the cell type in 'quantiseq_til10'"),
        _number("mrna_scaling", "mRNA content of the cell type", about="quanTIseq only; null elsewhere"),
    ),
)

SPOT_FRACTION = Table(
    name="spot_fraction",
    about="One row a cell type of a spatial spot, by deconvolution.",
    key=("section_id", "spot_id", "level", "cell_type"),
    columns=(
        _STUDY,
        _id("section_id", "Section"),
        _id("spot_id", "Spot"),
        _category("level", "Level", "'major' or 'minor' cell types"),
        _id("cell_type", "Cell type"),
        _number("fraction", "Fraction"),
    ),
)

TRUTH = Table(
    name="truth",
    about="One row a synthetic patient: what the simulator planted, so that an analysis can be checked against it.",
    key=("patient_id",),
    columns=(
        _PATIENT,
        _STUDY,
        _category("tme_type", "Planted TME type"),
        _number("predictive", "Predictive marker", "SD", about="raises response and survival under ICB only"),
        _number("prognostic", "Prognostic marker", "SD", about="changes survival in both arms alike, response in none"),
        _number("decoy", "Decoy marker", "SD", about="correlated with both, without an effect of its own"),
        _number("true_log_odds", "True log-odds of response, in the arm received"),
        _number("true_log_odds_icb", "True log-odds of response under ICB"),
        _number("true_log_odds_control", "True log-odds of response under control"),
        _number(
            "true_log_hazard", "True log hazard of death, in the arm received", about="relative to the study's baseline"
        ),
    ),
)

CHECK = Table(
    name="check_result",
    about="One row a data check on a study.",
    key=("study", "check"),
    columns=(
        _STUDY,
        _id("check", "Check"),
        _text("title", "What is checked"),
        _category("status", "Status", "'pass', 'fail' or 'not applicable'"),
        _int("n", "Rows concerned"),
        _text("detail", "Detail"),
        Column(name="rows", dtype=_LT, label="Rows", kind="list", about="ids of the rows concerned, at most 200"),
    ),
)

REFUSED = Table(
    name="refused",
    about="One row a row of a user's file that was not taken in.",
    key=(),
    columns=(_STUDY, _text("file", "File"), _int("line", "Line"), _text("row_id", "Row"), _text("reason", "Reason")),
)

PROVENANCE = Table(
    name="provenance",
    about="One row a file or computation that the database was made from.",
    key=(),
    columns=(
        _STUDY,
        _text("item", "Item"),
        _text("url", "URL"),
        _text("sha256", "SHA-256"),
        _int("bytes", "Size", "bytes"),
        _text("licence", "Licence"),
    ),
)

TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        STUDY, PATIENT, SAMPLE, ASSAY, EXPRESSION, MUTATION, COPY_NUMBER, SIGNATURE_SCORE, CELL_FRACTION, SLIDE_FEATURE,
        SLIDE, SPOT, SPOT_FRACTION, GENE_SET, MODEL, EMBEDDING, PREDICTION, ATTRIBUTION, ATTRIBUTION_SUMMARY, ATTRIBUTION_CURVE,
        ATTRIBUTION_MEASURE, COUNTERFACTUAL,
        CLUSTER, PERFORMANCE, EVALUATION, TRUTH, CHECK, REFUSED, PROVENANCE,
        *TISSUE_TABLES,
        CELL_DENSITY, SPATIAL_STATISTIC, MIXING,
    )
}  # fmt: skip

PROTOCOLS: Mapping[str, str] = {
    "published": "published formula, fixed before these patients were seen",
    "out_of_fold": "cross-fitted: each patient scored by a model that never saw them",
    "leave_one_cohort_out": "leave-one-cohort-out: fitted on the other cohorts",
    "external": "fitted on another cohort, then fixed",
    "in_sample": "in-sample: these patients trained the model; not a measure of performance",
}

ENDPOINTS: Mapping[str, str] = {
    "os": "Overall survival",
    "pfs": "Progression-free survival",
    "dss": "Disease-specific survival",
    "dfi": "Disease-free interval",
}
