"""Names that columns of direct identifiers have, and the small word lists of the content detectors.

The kinds are the 18 of the HIPAA safe-harbour rule (45 CFR 164.514(b)(2)), in English with common German, French and
Spanish forms. A column name is split into words first (`PatientLastName`, `patient.last_name` -> patient last name).
"""

from __future__ import annotations

from collections.abc import Mapping

KINDS: Mapping[str, str] = {
    "name": "names",
    "geography": "geographic units smaller than a state",
    "date": "dates (all elements but the year)",
    "phone": "telephone numbers",
    "fax": "fax numbers",
    "email": "e-mail addresses",
    "ssn": "social security numbers",
    "record": "medical record numbers",
    "insurance": "health plan numbers",
    "account": "account numbers",
    "licence": "certificate or licence numbers",
    "vehicle": "vehicle identifiers and plates",
    "device": "device identifiers and serial numbers",
    "url": "web addresses",
    "ip": "IP addresses",
    "biometric": "biometric identifiers",
    "photo": "photographs",
    "other": "other unique identifying numbers",
}

PHRASES: Mapping[str, tuple[str, ...]] = {
    "name": (
        "first name", "firstname", "last name", "lastname", "surname", "family name", "given name", "forename",
        "middle name", "maiden name", "full name", "fullname", "patient name", "patientname", "subject name",
        "name of patient", "next of kin", "mother name", "father name", "physician name", "doctor name", "initials",
        "patient initials", "pt name", "name last", "name first", "lname", "fname", "nachname", "vorname", "familienname", "geburtsname", "patientenname", "name des patienten",
        "nom de famille", "prenom", "nom du patient", "nom patient", "nom naissance", "apellido", "apellidos", "nombre",
        "nombre del paciente", "nombre paciente",
    ),
    "geography": (
        "address", "street", "street name", "house number", "city", "town", "village", "county", "parish", "precinct",
        "municipality", "zip", "zipcode", "zip code", "zip3", "zip5", "postal code", "postcode", "post code", "geocode",
        "latitude", "longitude", "gps", "census tract", "adresse", "anschrift", "strasse", "hausnummer", "wohnort",
        "stadt", "plz", "postleitzahl", "landkreis", "rue", "ville", "code postal", "commune", "direccion", "domicilio",
        "calle", "ciudad", "municipio", "codigo postal",
    ),
    "date": (
        "dob", "birthdate", "birth date", "birthday", "date of birth", "dod", "date of death", "death date",
        "admission date", "discharge date", "geburtsdatum", "sterbedatum", "todesdatum", "aufnahmedatum",
        "date naissance", "date de naissance", "date deces", "date de deces", "fecha de nacimiento", "fecha nacimiento",
        "fecha de defuncion",
    ),
    "phone": (
        "phone", "phone number", "telephone", "telephone number", "cell phone", "cellphone", "mobile phone",
        "mobile number", "phone home", "phone work", "telefon", "telefonnummer", "handynummer", "mobilnummer",
        "numero de telephone", "telefono", "movil",
    ),
    "fax": ("fax", "fax number", "telefax", "faxnummer", "telecopie"),
    "email": ("email", "e mail", "email address", "mail address", "emailadresse", "courriel", "correo", "correo electronico"),
    "ssn": (
        "ssn", "social security", "social security number", "national insurance number", "nhs number", "nhs no",
        "national id", "sozialversicherungsnummer", "sv nummer", "ahv nummer", "numero de securite sociale",
        "numero securite sociale", "numero secu", "seguridad social", "curp", "pesel", "personnummer",
    ),
    "record": (
        "mrn", "medical record", "medical record number", "medical record no", "record number", "record no",
        "hospital number", "hospital no", "chart number", "chart no", "patient mrn", "ehr id", "emr id",
        "fallnummer", "fall nr", "aktenzeichen", "krankenaktennummer", "krankenblattnummer", "aufnahmenummer",
        "numero de dossier", "numero dossier", "historia clinica", "numero de historia",
    ),
    "insurance": (
        "health plan", "health plan number", "insurance number", "insurance id", "insurance no", "member id",
        "member number", "policy number", "beneficiary", "beneficiary number", "medicare number", "medicaid number",
        "medicare id", "versichertennummer", "krankenversicherungsnummer", "versicherungsnummer", "numero assure",
        "numero de mutuelle", "numero de poliza", "tarjeta sanitaria",
    ),
    "account": (
        "account", "account number", "account no", "iban", "bank account", "credit card", "card number", "konto",
        "kontonummer", "numero de compte", "numero de cuenta",
    ),
    "licence": (
        "license number", "licence number", "license no", "licence no", "driver license", "driver licence",
        "drivers license", "driving licence", "certificate number", "passport", "passport number", "fuhrerschein",
        "fuhrerscheinnummer", "ausweisnummer", "personalausweis", "reisepass", "permis de conduire", "passeport",
        "pasaporte", "licencia de conducir",
    ),
    "vehicle": (
        "vehicle id", "vehicle identification", "vehicle number", "license plate", "licence plate", "plate number",
        "kennzeichen", "fahrgestellnummer", "immatriculation",  "matricula",
    ),
    "device": (
        "device id", "device serial", "device serial number", "serial number", "serial no", "implant serial",
        "pacemaker id", "pacemaker serial", "mac address", "imei", "seriennummer", "geratenummer", "numero de serie",
    ),
    "url": ("url", "website", "web site", "web address", "homepage", "webseite", "site web", "pagina web"),
    "ip": ("ip address", "ip adresse", "adresse ip", "direccion ip"),
    "biometric": (
        "biometric", "biometrics", "fingerprint", "finger print", "voiceprint", "voice print", "iris scan", "retina scan",
        "face id", "fingerabdruck", "empreinte digitale", "huella dactilar",
    ),
    "photo": ("photo", "photograph", "patient photo", "face photo", "face image", "portrait", "lichtbild", "passfoto", "foto"),
    "other": ("accession number", "accession no", "identifying number", "tax id", "steuernummer"),
}  # fmt: skip
"""Kind -> phrases. A column is suspect when a phrase stands in its name as whole words."""

EXACT: Mapping[str, str] = {
    "name": "name", "names": "name", "nom": "name", "tel": "phone", "mobile": "phone", "handy": "phone",
    "vin": "vehicle", "udi": "device", "dni": "ssn", "ipp": "record", "nhc": "record", "ip": "ip",
}  # fmt: skip
"""Names that are an identifier only when they are the whole column name."""

INNOCENT = (
    "gene name", "drug name", "sample name", "file name", "study name", "cell name", "site name", "protein name",
    "regimen name", "treatment name", "geo accession", "cohort name", "trial name",
)  # fmt: skip
"""Phrases that make a suspect word harmless."""

DATE_WORDS = frozenset({"date", "dates", "datum", "fecha", "dt", "day of birth"})

FIRST_NAMES = frozenset(
    """
    james john robert michael william david richard joseph thomas charles christopher daniel matthew anthony mark
    donald steven paul andrew joshua kenneth kevin brian george edward ronald timothy jason jeffrey ryan jacob gary
    nicholas eric jonathan stephen larry justin scott brandon benjamin samuel gregory frank alexander raymond patrick
    jack dennis jerry tyler aaron jose henry adam douglas nathan peter zachary kyle walter harold carl arthur mary
    patricia jennifer linda elizabeth barbara susan jessica sarah karen lisa nancy betty margaret sandra ashley
    kimberly emily donna michelle carol amanda melissa deborah stephanie rebecca laura sharon cynthia kathleen amy
    angela shirley anna ruth brenda pamela nicole katherine samantha christine emma catherine debra virginia rachel
    carolyn janet maria heather diane julie joyce evelyn joan victoria kelly lauren martha hans klaus jürgen wolfgang
    dieter manfred uwe günter horst helmut bernd heinz werner gerhard matthias stefan sabine ursula monika petra
    renate brigitte karin ingrid helga heike birgit gisela anja katrin jean pierre michel andré philippe françois
    jacques alain bernard nicolas laurent olivier marie nathalie isabelle sylvie monique françoise jacqueline
    christiane chantal valérie antonio manuel francisco juan luis carlos jesús javier miguel pedro rafael pablo
    jane alice bob tom max otto erika ana anne eva eve lena paula clara sophie sofia julia lucas leon lukas felix jonas
    tim tobias martin marco mario luca giulia paolo claire camille hugo louis paul léa chloé manon jules alex ben sam
    fatima mohammed mohamed ahmed ali omar yusuf aisha wei olga ivan vladimir natalia anastasia henrik lars sven erik
    harry oliver grace helen alan ian neil simon stuart fiona gillian margaret dorothy frances edith walter
    carmen josefa isabel dolores pilar teresa rosa cristina francisca lucía elena
    """.split()  # noqa: SIM905
)
