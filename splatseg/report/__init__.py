"""report.html: one page that shows a run, in one file that needs no network and no other file.

    run_report        a run to report.html: measures, judges, writes
    measure           renders, masks and segments, measured without ground truth
    findings          measurements to ranked findings
    pictures          the pictured views, layer by layer
    data              the content of the page as plain data
    page              the page: sections, style and scripts in assets/page.html
    sections/         one section per module: views, findings, segments, figures
    html              numbers, durations, bars        inline_pictures   pictures as data URIs

Without JavaScript the page shows everything side by side. `page.SCRIPTS` is the order in which the scripts are joined.
"""
