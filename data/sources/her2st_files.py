"""HER2-positive spatial transcriptomics: the published files, pinned."""

from __future__ import annotations

from data.sources.source import RemoteFile

_HER2ST = "https://raw.githubusercontent.com/almaan/her2st/85df7411b987a7dec3feff9718b869a7a82091ec"

FILES = (
    RemoteFile(
        url=f"{_HER2ST}/data/ST-cnts/A1.tsv.gz",
        sha256="d91035e5d8a9c4ce7865e4c61446deec1a7318602d41b3220e9fcb3ce7e41fe3",
        size_bytes=1033376,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-pat/lbl/A1_labeled_coordinates.tsv",
        sha256="23a0a68dccd54a8397ea4066994edb7110e88373d5b3bc6e35254dda9253fa5f",
        size_bytes=22117,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-spotfiles/A1_selection.tsv",
        sha256="e5f79223be2ea2aebb082c4759059ab7079b0132052d0944209048ac57788c5d",
        size_bytes=12879,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-cnts/A2.tsv.gz",
        sha256="1c84f44bfc0bce6d5647b78e4598e2456f769e29f72ca52911d5bc4be81e410c",
        size_bytes=1340590,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-spotfiles/A2_selection.tsv",
        sha256="b21f48c8492ff1d71c0d0d396dbde64735ff8fa5419bcc6f5cffe60f68d7cb09",
        size_bytes=11958,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-cnts/B1.tsv.gz",
        sha256="97b3abf2676c596ac7dd53829780005724cab62a6f676697516006481a443f74",
        size_bytes=657516,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-pat/lbl/B1_labeled_coordinates.tsv",
        sha256="f7050caa71c47a4c95fcca2a7f29560d387310877b1c9e4a54f841059db837ee",
        size_bytes=18510,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-spotfiles/B1_selection.tsv",
        sha256="7ea9963677db80199db928d763b0b34ea1015fb7452e85ac7b21d42ee15c3875",
        size_bytes=10794,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-cnts/B4.tsv.gz",
        sha256="e38231c2a38c9bc7e6d550eec0e527c1869ee0e525fc913e708d1323c34f5ebb",
        size_bytes=563881,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-spotfiles/B4_selection.tsv",
        sha256="192b46f3ca414c85753a01a4fb5760a697ca6c0a1aadb949c4687cc6efa9faa0",
        size_bytes=10560,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-cnts/C1.tsv.gz",
        sha256="8383130eebf0f9f8186f006ed6b704149ba62303605a312a9080fa9901be9c20",
        size_bytes=752999,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-pat/lbl/C1_labeled_coordinates.tsv",
        sha256="41b6e1bbb1031480d969e725e739971cb39dbdb6e2b6d662d585bebacf093040",
        size_bytes=11396,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-spotfiles/C1_selection.tsv",
        sha256="9a5187c98d2c312064057d3bad192d4a19105b5135ff2b68f5e4547cade0954d",
        size_bytes=6631,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-cnts/C2.tsv.gz",
        sha256="c1c59ea6cffae36b9ecb561b8e2a97e3aa5f4085f748e991a0e330ed9d09773d",
        size_bytes=821408,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-spotfiles/C2_selection.tsv",
        sha256="235b5f4306b3b57c628ffc82c98c7109602474fbcc79a917b9c50517f99b6b1c",
        size_bytes=7053,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-cnts/D1.tsv.gz",
        sha256="8fe13d29763b3f6a9e85322dae97e05c4ca42b57cef4b1077c88b9b7b6a980ac",
        size_bytes=1251370,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-pat/lbl/D1_labeled_coordinates.tsv",
        sha256="c8bf26103d1aac42611d9c85ba3db9c596b9a80ec045ca9b246b8d14d8b3c20f",
        size_bytes=19707,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-spotfiles/D1_selection.tsv",
        sha256="7ba7843b52ddc2b147ee968fe9466a5d1fa0d884b51def292ce340d88da034eb",
        size_bytes=11444,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-cnts/E1.tsv.gz",
        sha256="b2f572ea0a95d256cb172a9284e96b6d2ff236398d4934a992df85c96d11c4cc",
        size_bytes=1017499,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-pat/lbl/E1_labeled_coordinates.tsv",
        sha256="29db60fe5b306bb982fbd2bbdd1f9c60eedf90c6ac1d56bedd3c18ed5a369829",
        size_bytes=37579,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-spotfiles/E1_selection.tsv",
        sha256="a979c36f6310fff965c96f05ad290ca322d88e400b5aed2a1139fdd6f0e2da92",
        size_bytes=21672,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-cnts/F1.tsv.gz",
        sha256="187aa13f204d514851d3674dfa09b4a8d7f2676f1d40d2ef63e9e368c7cf672a",
        size_bytes=1778749,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-pat/lbl/F1_labeled_coordinates.tsv",
        sha256="3b59970f0c6ba09d8e0fc9286ace2a295bf06d36c59684162b7a8aca0e021ec5",
        size_bytes=43854,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-spotfiles/F1_selection.tsv",
        sha256="cf479a5812c317541c7f7d6a4ebf1bfd93b0a1ab3eef35a8da15b9e76164f2f4",
        size_bytes=25344,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-cnts/G2.tsv.gz",
        sha256="9d51a5ed85bdf60069dcf51beeffba4e90e35e8630ec3b707a2453ffdd608e3b",
        size_bytes=954118,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-pat/lbl/G2_labeled_coordinates.tsv",
        sha256="8466275647ad125569ee94d099cc7b78c15028968ba1dd267a85a81c001a16ff",
        size_bytes=29799,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-spotfiles/G2_selection.tsv",
        sha256="abae30bb6f434cb2aae34b8ef56da6b613c840d48c49279d55f4600ad496245c",
        size_bytes=17128,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-cnts/H1.tsv.gz",
        sha256="90b391782535f38c9ab20fe8b38f44ebbfdad2201075a677a198cbef12c29b07",
        size_bytes=972770,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-pat/lbl/H1_labeled_coordinates.tsv",
        sha256="b65cbc99ed7a01281bc2eb87be87b902312e47ca91bc1f00ff351489b78434c3",
        size_bytes=38594,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-spotfiles/H1_selection.tsv",
        sha256="fc9cc5bad3a1e26e48f435696259df38b500042a9565486c15fd37ab7d8f9ed6",
        size_bytes=22695,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-imgs/B/B4/BT10737_D2_HE.jpg",
        sha256="3cb165614ce2a13426381e450220dccac980cc9bda6a90fb041c28ca0e2c753d",
        size_bytes=4076552,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/data/ST-imgs/C/C2/5714_HE_BT_C2.jpg",
        sha256="26e2f73ae840cdd46c5bba405aae181f13a56a376b9848dff23f7a9c5de7f19e",
        size_bytes=3990230,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/app/www/imgs/A1_HE_image_dark.png",
        sha256="e3836547df4772907bb537e53f41794fe4e603e9a6c99c1f6e91ef4342b95a6d",
        size_bytes=4001062,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/res/ST-deconv/props/minor.zip",
        sha256="ec696f1c01ac37091d51010598ca3e98a00fd68c1ca72f24ae3f740b0e802331",
        size_bytes=1551807,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
    RemoteFile(
        url=f"{_HER2ST}/res/ST-deconv/props/major.zip",
        sha256="f7a6e7855a3879408bbba740bd2d89f06f532772a96f23bfcce6cb74c518eacf",
        size_bytes=593952,
        licence="CC BY 4.0 (Zenodo 4751624)",
    ),
)
