"""Direct identifiers: all 18 kinds found by name and, where they have a form, by content; study data left alone."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from cohort_folder import edit, example, small
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import IngestError
from data.ingest import take_in
from data.ingest.identifier_words import KINDS, PHRASES
from data.ingest.identifiers import kind_by_content, kind_by_name, mask, scan

BY_NAME = {
    "name": ["patient_name", "LastName", "Vorname", "Nachname", "nom", "prénom", "Apellidos", "name", "initials"],
    "geography": ["zip", "ZIP_CODE", "PLZ", "Straße", "home address", "city", "code_postal", "ciudad", "county"],
    "date": ["DOB", "DateOfBirth", "date_of_death", "Geburtsdatum", "date de naissance", "fecha_nacimiento"],
    "phone": ["phone", "Telephone Number", "Handynummer", "telefono", "tel"],
    "fax": ["fax", "Faxnummer"],
    "email": ["email", "E-Mail", "eMail", "courriel", "correo_electronico"],
    "ssn": ["SSN", "social_security_number", "NHS number", "DNI"],
    "record": ["MRN", "medical_record_number", "Fallnummer", "numéro_de_dossier", "historia_clinica", "HospitalNumber"],
    "insurance": ["health_plan_number", "member_id", "Versichertennummer", "insurance id"],
    "account": ["account_number", "IBAN", "Kontonummer"],
    "licence": ["drivers_license", "license number", "Führerschein", "passport"],
    "vehicle": ["VIN", "license_plate", "Kennzeichen"],
    "device": ["device_serial_number", "implant serial", "UDI", "Seriennummer"],
    "url": ["URL", "homepage"],
    "ip": ["ip_address", "IP"],
    "biometric": ["fingerprint", "voice_print", "Fingerabdruck"],
    "photo": ["photo", "face_image", "Lichtbild"],
    "other": ["accession_number", "Steuernummer"],
}


def test_every_safe_harbour_kind_has_names() -> None:
    assert len(KINDS) == 18
    assert set(PHRASES) == set(KINDS) == set(BY_NAME)


@pytest.mark.parametrize(("kind", "column"), [(kind, one) for kind, many in BY_NAME.items() for one in many])
def test_columns_are_known_by_name(kind: str, column: str) -> None:
    assert kind_by_name(column) == kind


@pytest.mark.parametrize(
    "column",
    """patient_id gene_name drug_name Hugo_Symbol age sex os_months tumor_site state country cohort update
    mutation_count stage ECOG PD-L1_TPS response Location cell_type sample_name image_id vital_status days_to_death
    platelet_count site histology NLR geo_accession treatment_year location_of_metastasis file_name device
    progressed best_response primary_site centre arm subtype IC.Level phonetic""".split(),  # noqa: SIM905
)
def test_columns_of_study_data_pass(column: str) -> None:
    assert kind_by_name(column) is None


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("name", ["Anna Schmidt", "John A. Smith", "García, María"]),
        ("name", ["Jane Doe", "John Doe"]),
        ("name", ["Dr. Weber", "Frau Meier", "Mr Jones"]),
        ("geography", ["12 Oak Street", "Hauptstraße 5", "12 rue de la Paix"]),
        ("geography", ["SW1A 1AA", "M1 1AE"]),
        ("geography", ["02139-4307", "10027-6902"]),
        ("date", ["1950-03-04"]),
        ("date", ["03/04/1950", "x"]),
        ("date", ["4.3.1950"]),
        ("date", ["1950-03-04 00:00:00"]),
        ("date", ["12 Jan 2020"]),
        ("date", ["seen on 2020-01-12, stable"]),
        ("date", ["19500304", "19610512", "19490101"]),
        ("date", ["3/4/50", "5/6/61", "7/8/49"]),
        ("phone", ["(555) 123-4567"]),
        ("phone", ["call 555-123-4567 after 5"]),
        ("phone", ["+49 30 1234567"]),
        ("phone", ["01 23 45 67 89"]),
        ("email", ["ask a.b@clinic.org"]),
        ("ssn", ["123-45-6789"]),
        ("ssn", ["12345678Z", "00000000T"]),
        ("ssn", ["756.9217.0769.85", "7569217076985"]),
        ("record", ["MRN: 0012345"]),
        ("record", ["MRN00012345"]),
        ("account", ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"]),
        ("account", ["4111 1111 1111 1111", "5500005555555559", "340000000000009"]),
        ("vehicle", ["1HGCM82633A004352", "1M8GDM9AXKP042788"]),
        ("device", ["00:1A:2B:3C:4D:5E"]),
        ("url", ["see https://facebook.com/someone"]),
        ("ip", ["192.168.10.4", "2001:db8::8a2e:370:7334"]),
        ("photo", ["data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAA"]),
    ],
)
def test_content_is_known_by_its_form(kind: str, values: list[str]) -> None:
    found = kind_by_content(pl.Series(values))
    assert found is not None
    assert found[0] == kind


STUDY_DATA = {
    "genes": ["CD8A", "HLA-DRB1", "MARCH1", "SEPT9", "1-Mar", "NKX2-1", "C1orf112", "AC002310.4", "7SK"],
    "drugs": ["Nivolumab", "Ipilimumab + Nivolumab", "anti-PD-1 (pembrolizumab)", "BGB-A317", "MK-3475 200 mg q3w"],
    "tcga": ["TCGA-AB-1234", "TCGA-05-4244-01A-01D-1105-08", "TCGA-CR-7395"],
    "ids": ["Patient12", "P-001", "SAM0b6f7e3f", "Pt1", "MSK-0012", "101-0001", "001-002-0003", "12-345", "GSM1234567"],
    "years": ["2012", "2013", "2014", "2015"],
    "numbers": ["0", "1", "12.5", "1e-5", "0.00001", "1234567890", "7577121", "530", "21"],
    "uuids": ["3a7f1c1e-1111-4222-8333-123456789012", "0019c951-16c5-48d0-85c8-58d96b12d330"],
    "stages": ["IIIA", "T2N1M0", "Stage IV", "Ann Arbor II", "Ann Arbor IIIB", "M1c", "Gleason 4+3"],
    "variants": ["p.V600E", "c.1799T>A", "7:140453136-140453136", "p.G12_G13insG", "rs121913529"],
    "response": ["Complete Response", "Partial Response", "Stable Disease", "Mixed Response", "CR/PR"],
    "sites": ["Lung, Left", "Bladder, Trigone", "Lymph Node", "Head & Neck", "Skin, lower limb"],
    "races": ["White", "Black or African American", "Asian", "Not Hispanic or Latino"],
    "ratios": ["1/2", "3/12", "10/12", "1-2", "5-10", "<1%", ">=50%", "1-49%"],
    "levels": ["IC0", "IC1", "IC2+", "TC3", "2.0", "v1.2.3", "1.2.3"],
    "doi": ["10.1038/nature25501", "https://doi.org/10.1038/nature25501"],
    "free": ["progressed at week 12 after 4 cycles", "PD by new lesion (liver), 23 mm", "dose 3 mg/kg x 4"],
}


@pytest.mark.parametrize("what", STUDY_DATA)
def test_study_data_passes(what: str) -> None:
    assert kind_by_content(pl.Series(STUDY_DATA[what])) is None


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=20))
def test_no_measurement_is_an_identifier(values: list[float]) -> None:
    assert kind_by_content(pl.Series([f"{value:.4g}" for value in values])) is None
    assert kind_by_content(pl.Series([f"{value:.3f}" for value in values])) is None


def test_date_columns_may_hold_years_and_durations() -> None:
    frame = pl.DataFrame(
        {"date_of_diagnosis": ["2014", "2015"], "fu_date": ["120", "900"], "visit date": ["42004", "42370"]}
    )
    assert [one.column for one in scan(frame, file="x.csv")] == ["visit date"]


@pytest.mark.parametrize("value", ["a.schmidt@clinic.org", "123-45-6789", "Anna Schmidt", "+49 30 1234567"])
def test_masks_do_not_show_the_identifier(value: str) -> None:
    assert value not in mask(value)
    assert value[1:4] not in mask(value)


TABLE = "id,age,os,dead,contact\nP1,60,4,0,anna.schmidt@clinic.org\nP2,61,5,1,\nP3,62,6,0,\n"


def test_the_whole_intake_is_refused_and_says_which_column_without_the_value(tmp_path: Path) -> None:
    with pytest.raises(IngestError) as caught:
        take_in(small(tmp_path, TABLE))
    text = str(caught.value)
    assert "'contact'" in text
    assert "e-mail" in text
    assert "--drop-identifiers" in text
    assert "schmidt" not in text
    assert "clinic.org" not in text


def test_drop_identifiers_leaves_the_column_out(tmp_path: Path) -> None:
    intake = take_in(small(tmp_path, TABLE), drop_identifiers=True)
    assert intake.rows_accepted == 3
    assert [one.column for one in intake.dropped] == ["contact"]
    assert "schmidt" not in repr(intake)


def test_ids_that_are_identifiers_cannot_be_dropped(tmp_path: Path) -> None:
    table = "id,age,os,dead\nAnna Schmidt,60,4,0\nPeter Weber,61,5,1\n"
    for drop in (False, True):
        with pytest.raises(IngestError) as caught:
            take_in(small(tmp_path, table), drop_identifiers=drop)
        assert "Schmidt" not in str(caught.value)
    with pytest.raises(IngestError, match="study codes"):
        take_in(small(tmp_path, table), drop_identifiers=True)


def test_a_mapped_column_of_dates_is_refused(tmp_path: Path) -> None:
    table = "id,age,os,dead,start\nP1,60,4,0,2015-02-03\nP2,61,5,1,2016-01-02\n"
    with pytest.raises(IngestError, match=r"'start'.*dates"):
        take_in(small(tmp_path, table, columns='start = "treatment_year"'))


def test_identifiers_in_a_maf_are_refused(tmp_path: Path) -> None:
    folder = example(tmp_path / "c")
    lines = (folder / "mutations.maf").read_text(encoding="utf-8").splitlines()
    extra = ["\tcontact", *("\ta@b.org" for _ in lines[3:])]
    (folder / "mutations.maf").write_text(
        "\n".join([*lines[:2], *(line + more for line, more in zip(lines[2:], extra, strict=True))]) + "\n",
        encoding="utf-8",
    )
    with pytest.raises(IngestError, match=r"'contact' of mutations\.maf"):
        take_in(folder)


def test_sample_ids_that_are_names_are_refused(tmp_path: Path) -> None:
    folder = example(tmp_path / "c")
    text = (folder / "expression.tsv").read_text(encoding="utf-8")
    for number, name in enumerate(["Anna Schmidt", "Peter Weber", "John Smith", "Maria Lopez"] * 3, start=1):
        text = text.replace(f"EX-{number:03d}-T1", f"{name} {'ABCDEFGHIJKL'[number - 1]}.")
    (folder / "expression.tsv").write_text(text, encoding="utf-8")
    with pytest.raises(IngestError, match=r"'sample ids' of expression\.tsv holds names"):
        take_in(folder)


def test_the_example_holds_none(tmp_path: Path) -> None:
    assert take_in(edit(example(tmp_path / "c"), "anti-PD-1", "anti-PD-L1")).dropped == ()


@pytest.mark.realdata
def test_published_clinical_tables_pass(mirror: Path) -> None:
    """All columns of the published ICB tables of nine studies: nothing but true dates is called an identifier."""
    from data.sources.rda import read_summarized_experiment

    columns, found = 0, []
    for path in sorted(mirror.rglob("ICB_*.rda"))[:12]:
        clinical = read_summarized_experiment(path)[0].select(pl.all().cast(pl.String, strict=False))
        columns += clinical.width
        found += scan(clinical, file=path.name)
    assert columns > 300
    assert {one.column for one in found} <= {"date_birth", "date_death", "date_progression"}
