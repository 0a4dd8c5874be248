"""The viewer: look at a scene in the browser, select objects, name them and export them.

    shown_scene    the scene that all browsers share     page/       one browser's page: camera, streaming, admission
    workspace/     one browser's selection and history   panels/     the side panel of a page
    drawing/       pictures of a workspace               writing/    files that the viewer exports
    server         the server: one page per browser

Scenes, workspaces, pictures and exports need neither a server nor a browser.
"""
