"""TMEscope: contents table of the app."""

from __future__ import annotations

import streamlit as st

from pages.about import about, model
from pages.cohort import overview, quality
from pages.markers import attribution, cutoff, scan
from pages.response import performance, survival
from pages.shared import look, start, tiles
from pages.tme import cells as tme_cells
from pages.tme import composition, spatial
from pages.tme import map as tme_map
from pages.tme import slides as tme_slides

app = st.App(__file__, lifespan=start.lifespan, middleware=start.MIDDLEWARE, routes=tiles.ROUTES)

if __name__ == "__main__":  # once a reader and click; `app` above is the server, once
    look.dress()
    contents = [
        st.Page(overview.page, title="Cohort", default=True),
        st.Page(tme_map.page, title="TME map", url_path="map"),
        st.Page(composition.page, title="Composition", url_path="composition"),
        st.Page(spatial.page, title="Tissue", url_path="tissue"),
        st.Page(tme_cells.page, title="Cells", url_path="cells"),
        st.Page(tme_slides.page, title="Slides", url_path="slides"),
        st.Page(survival.page, title="Survival", url_path="survival"),
        st.Page(attribution.page, title="Attribution", url_path="attribution"),
        st.Page(scan.page, title="Scan", url_path="scan"),
        st.Page(cutoff.page, title="Cut-off", url_path="cutoff"),
        st.Page(performance.page, title="Performance", url_path="performance"),
        st.Page(quality.page, title="Quality", url_path="quality"),
        st.Page(model.page, title="Model card", url_path="model"),
        st.Page(about.page, title="About", url_path="about"),
    ]
    st.navigation(contents, position="top").run()
