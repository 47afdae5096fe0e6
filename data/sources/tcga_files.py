"""TCGA: the published files, pinned."""

from __future__ import annotations

from data.sources.source import RemoteFile

_IT_PREDICTOR = "https://raw.githubusercontent.com/Sun-lab/IT-predictor/283565feb3edec766bf3557d893f81008fd61461"
_IMMUNESUBTYPECLASSIFIER = (
    "https://raw.githubusercontent.com/CRI-iAtlas/ImmuneSubtypeClassifier/b0376ec8ffada2b3ef81b7c429a1dfd5f663bc55"
)
_TUMOR_IMMUNOGENICITY_SCORE = (
    "https://raw.githubusercontent.com/XSLiuLab/tumor-immunogenicity-score/e7a726628c6d61a092e2bf73574b5fc5d7c44f46"
)
_IMOGENE = "https://raw.githubusercontent.com/Bozorgui/imogene/8b8c6dc1332ac543ebfaa7435dd224ef384f0621"
_PORPOISE = "https://raw.githubusercontent.com/mahmoodlab/PORPOISE/3390dc40e15995ba852d7a561faf0e996cf20501"
_TIL_MAPS = "https://raw.githubusercontent.com/Aleksandra795/TIL_maps/a5abb392fbddd4da990f1e33edb467aa96512b94"
_HIF2GENE = "https://raw.githubusercontent.com/Path-AI/hif2gene/a45219b73233af35e0b43f757263e6b90ef836d6"

FILES = (
    RemoteFile(
        url=f"{_IT_PREDICTOR}/R/TCGA_analysis/pan_cancer_data/TCGA-CDR-SupplementalTableS1.xlsx",
        sha256="ea594c0fbb6731477c7ac511fab449ca9c38b0d42d269591ed9f5c4090e75a5a",
        size_bytes=2945129,
        licence="MIT (repository); open-access TCGA data",
    ),
    RemoteFile(
        url=f"{_IMMUNESUBTYPECLASSIFIER}/inst/extdata/five_signature_mclust_ensemble_results.tsv.gz",
        sha256="06681cbb8ad2075a8751313a8a439e9f0fb3d425a2f97b2ee4caea5c08bd39c4",
        size_bytes=475832,
        licence="Apache-2.0",
    ),
    RemoteFile(
        url=f"{_TUMOR_IMMUNOGENICITY_SCORE}/data/TCGA.Kallisto.fullIDs.cibersort.relative.tsv.gz",
        sha256="71f40f237eba306f52e7dc8ae86ca21a983b1d0d64cefbc10a1db9090f8206e8",
        size_bytes=1593595,
        licence="Apache-2.0",
    ),
    RemoteFile(
        url=f"{_IMOGENE}/data-raw/TCGA_all_leuk_estimate.masked.20170107.tsv",
        sha256="5a8268caedbf8dc98a75be0528d583238d7355761d9fc746e42002f223a982d9",
        size_bytes=560473,
        licence="MIT",
    ),
    RemoteFile(
        url=f"{_IMOGENE}/data-raw/mutation-load_updated.txt",
        sha256="e64cbdc91cdf3bf72c85e67a8b229e0a80a37496e840855db802280366423a29",
        size_bytes=594504,
        licence="MIT",
    ),
    RemoteFile(
        url=f"{_PORPOISE}/datasets_csv_mutsig/tcga_luad_all_clean.csv.zip",
        sha256="75da300c70de2c3aa59ecf03bcf3ed66bae2a96731413c4188b24a5314259403",
        size_bytes=1998986,
        licence="GPL-3, non-commercial academic wording",
    ),
    RemoteFile(
        url=f"{_PORPOISE}/datasets_csv_mutsig/tcga_lusc_all_clean.csv.zip",
        sha256="fbbdf5e3c9b467084e216ca9cc4a8bedc4c6e6f5493d3c1b7b17ae38418a478d",
        size_bytes=1958324,
        licence="GPL-3, non-commercial academic wording",
    ),
    RemoteFile(
        url=f"{_PORPOISE}/datasets_csv_mutsig/tcga_skcm_all_clean.csv.zip",
        sha256="99e02653fd3ad70df54a7137975817357d68f1bfacb5c514dba4b40b78e969f2",
        size_bytes=1028309,
        licence="GPL-3, non-commercial academic wording",
    ),
    RemoteFile(
        url=f"{_PORPOISE}/datasets_csv_mutsig/tcga_stad_all_clean.csv.zip",
        sha256="c8e5987e2ad24b8b95a065d5f44338bf9176651b53d8a17a98ce7aa9e904220d",
        size_bytes=1524616,
        licence="GPL-3, non-commercial academic wording",
    ),
    RemoteFile(
        url=f"{_PORPOISE}/datasets_csv_mutsig/tcga_blca_all_clean.csv.zip",
        sha256="d432e00dca23c4c7bc7ad574c69f67dd4e3a4656a2d695ac3420427569e52728",
        size_bytes=1597311,
        licence="GPL-3, non-commercial academic wording",
    ),
    RemoteFile(
        url=f"{_TIL_MAPS}/Data/mmc2%20-%20modified.xlsx",
        sha256="903c8471ea73f2fc1a391a67efbea6f9b9178b5f1e4e0b5d66e95c07f0539169",
        size_bytes=1703148,
        licence="none stated; article CC BY-NC-ND",
    ),
    RemoteFile(
        url=f"{_HIF2GENE}/data/hifs/luad.hifs.csv",
        sha256="c4939c8d8aa677c5c6496307bab253538bf5a69489b2dca600b0e07c0f1968cd",
        size_bytes=3499645,
        licence="CC BY-NC-SA 4.0",
    ),
    RemoteFile(
        url=f"{_HIF2GENE}/data/hifs/lusc.hifs.csv",
        sha256="ea30a7cf7c6cd7cd0481c54fc57202064c8de7f98bf8c759eb184fb9b3394e88",
        size_bytes=3109189,
        licence="CC BY-NC-SA 4.0",
    ),
    RemoteFile(
        url=f"{_HIF2GENE}/data/hifs/skcm.hifs.csv",
        sha256="cb3b393445d6587bd35c061cfe4c86e99fc8cdd0f74ff150baf843e3c99cdd5c",
        size_bytes=2477882,
        licence="CC BY-NC-SA 4.0",
    ),
    RemoteFile(
        url=f"{_HIF2GENE}/data/hifs/stad.hifs.csv",
        sha256="510ee332162fc99336f84e8d5dd1c203ac24338a46c6aa48c085a110fc1f20f4",
        size_bytes=2852862,
        licence="CC BY-NC-SA 4.0",
    ),
)
