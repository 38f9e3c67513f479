@echo off
rem Trains a policy in the simulator and draws its curves, with nothing installed but
rem Go (or a flyball.exe that is in the PATH):
rem
rem   scripts\run_local.bat [--episodes 200] [any flag of flyball train]
setlocal
cd /d "%~dp0\.."
set out=flyball-training
set flyball=flyball
where flyball >nul 2>nul && goto train
where go >nul 2>nul || (echo run_local: needs flyball or go, https://go.dev/dl 1>&2 & exit /b 1)
if not exist bin mkdir bin
set CGO_ENABLED=0
go build -trimpath -o bin\flyball.exe .\cmd\flyball || exit /b 1
set flyball=bin\flyball.exe
:train
set arguments=%*
if "%~1"=="" set arguments=--episodes 2000
%flyball% train %arguments% --out %out% || exit /b 1
rem --env cartpole makes no model
if exist %out%\model.flyball %flyball% train --visualize %out%\model.flyball --trace shape:flash-crowd --out %out%
