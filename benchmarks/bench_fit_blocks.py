"""x"""
from __future__ import annotations
import argparse, dataclasses, functools, tempfile, time, shutil
from pathlib import Path
import numpy as np, torch
from splatseg.capture.capture import load_capture
from splatseg.engine.in_process import InProcess
from splatseg.evaluate.images import psnr
from splatseg.jobs.fitting.in_blocks import BlockFit
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.run.reporter import NullReporter
from splatseg.train.blocks.settings import BlockSettings
from splatseg.train.blocks.work import CellWork
from splatseg.train.fit import fit_splats
from splatseg.train.settings import TrainSettings

p=argparse.ArgumentParser(); p.add_argument("capture"); p.add_argument("--downscale",type=int,default=4); p.add_argument("--blocks",type=int,default=4); p.add_argument("--steps",type=int,default=600); p.add_argument("--set",action="append",default=[]); p.add_argument("--plain",action="store_true"); p.add_argument("--keep"); p.add_argument("--seed",type=int,default=0)
g=p.parse_args(); torch.set_num_threads(1)
cap=load_capture(Path(g.capture),downscale=g.downscale); s=dataclasses.replace(TrainSettings().scaled(g.steps), seed=g.seed)
def views(c): return c.split("train")
def score(sp): return np.mean([psnr(to_uint8(render_rgb(sp,v.camera)),v.image(),v.ignored()) for v in cap.split("test")])
if g.plain:
    t=time.perf_counter(); sp=fit_splats(cap,s); print("plain",round(float(score(sp)),2),len(sp),round(time.perf_counter()-t,1),flush=True)
for variant in g.set or [""]:
    b=dataclasses.replace(BlockSettings(cells=g.blocks),**{k:eval(v) for k,_,v in (x.partition("=") for x in variant.split())})
    d=Path(g.keep) if g.keep else Path(tempfile.mkdtemp()); t=time.perf_counter()
    sp=BlockFit(d,cap,s,b,CellWork(functools.partial(views,cap),s),NullReporter(), lambda **k: print("   ",k) if "round" in k or "color_strength" in k else None).splats(InProcess())
    print(variant,round(float(score(sp)),2),len(sp),round(time.perf_counter()-t,1),flush=True)
    if not g.keep: shutil.rmtree(d)
