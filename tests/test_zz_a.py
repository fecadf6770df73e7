from test_answers_changed import *


@pytest.mark.slow
async def test_zz_day(field):
    await busily(field, steady(), later(), 7)


@pytest.mark.slow
async def test_zz_new(field):
    await busily(field, [], steady(), 7)


@pytest.mark.slow
async def test_zz_steady(field):
    await steadily(field, 3)
